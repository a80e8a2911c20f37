import type { ReactNode } from 'react';
import styles from './DataTable.module.css';

interface Props {
  /** Says what the table is; also names the region that scrolls. */
  caption: string;
  head: ReactNode;
  children: ReactNode;
  /** New rows are on their way, these are the old ones. */
  stale?: boolean;
  testId?: string;
}

/** A table that scrolls sideways where the window is narrow, by keyboard too. */
export function DataTable({ caption, head, children, stale = false, testId }: Props) {
  return (
    <div
      className={styles.scroller}
      role="region"
      aria-label={caption}
      tabIndex={0}
      aria-busy={stale}
      data-testid={testId}
    >
      <table className={styles.table}>
        <caption className="visually-hidden">{caption}</caption>
        <thead>
          <tr>{head}</tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
