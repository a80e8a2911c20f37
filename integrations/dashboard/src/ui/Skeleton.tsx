import styles from './Skeleton.module.css';

/** Holds the place of what is loading, in its height. */
export function Skeleton({ height, label }: { height: string; label: string }) {
  return (
    <div className={styles.skeleton} style={{ height }} role="status">
      <span className="visually-hidden">{label}</span>
    </div>
  );
}

export function SkeletonRows({ rows, columns }: { rows: number; columns: number }) {
  return Array.from({ length: rows }, (_, row) => (
    <tr key={row} aria-hidden="true">
      {Array.from({ length: columns }, (_, column) => (
        <td key={column}>
          <span className={styles.line} />
        </td>
      ))}
    </tr>
  ));
}
