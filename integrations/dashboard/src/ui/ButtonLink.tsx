import type { ReactNode } from 'react';
import { Link } from 'wouter';
import styles from './Button.module.css';

/** Goes somewhere, and looks like a button. */
export function ButtonLink({ href, children }: { href: string; children: ReactNode }) {
  return (
    <Link href={href} className={`${styles.button} ${styles.link}`}>
      {children}
    </Link>
  );
}
