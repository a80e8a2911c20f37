import type { ReactNode } from 'react';
import styles from './Facts.module.css';

/** Names and what they come to. With aligned names the values begin at one place, otherwise they end at one. */
export function Facts({ aligned = false, children }: { aligned?: boolean; children: ReactNode }) {
  return (
    <dl className={styles.facts} data-aligned={aligned || undefined}>
      {children}
    </dl>
  );
}

export function Fact({ label, testId, children }: { label: string; testId?: string; children: ReactNode }) {
  return (
    <div className={styles.fact}>
      <dt>{label}</dt>
      <dd data-testid={testId}>{children}</dd>
    </div>
  );
}
