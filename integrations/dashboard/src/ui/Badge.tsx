import type { ReactNode } from 'react';
import styles from './Badge.module.css';

export type Tone = 'green' | 'red' | 'amber' | 'grey' | 'accent';

export function Badge({ tone, title, children }: { tone: Tone; title?: string | undefined; children: ReactNode }) {
  return (
    <span className={styles.badge} data-tone={tone} title={title}>
      {children}
    </span>
  );
}
