import type { ReactNode } from 'react';
import styles from './Figure.module.css';

export function Figures({ label, children }: { label: string; children: ReactNode }) {
  return (
    <dl className={styles.figures} aria-label={label}>
      {children}
    </dl>
  );
}

interface Props {
  label: string;
  value: string;
  note?: ReactNode;
  testId?: string;
}

export function Figure({ label, value, note, testId }: Props) {
  return (
    <div className={styles.figure}>
      <dt className={styles.label}>{label}</dt>
      <dd className={styles.value} data-testid={testId}>
        {value}
      </dd>
      {note && <dd className={styles.note}>{note}</dd>}
    </div>
  );
}
