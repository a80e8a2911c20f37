import { formatAbsolute, formatRelative } from '../format/times';
import styles from './Moment.module.css';
import { useNow } from './useNow';

/** When it was, for records: in full, so that nobody has to point at it, and how long ago that is. */
export function Moment({ iso }: { iso: string }) {
  const now = useNow();
  return (
    <span className={styles.moment}>
      <time dateTime={iso}>{formatAbsolute(iso)}</time> <span className={styles.ago}>{formatRelative(iso, now)}</span>
    </span>
  );
}
