import { Button } from './Button';
import { Icon } from './Icon';
import styles from './Refresh.module.css';
import { RelativeTime } from './RelativeTime';

interface Props {
  query: { dataUpdatedAt: number; refetch: () => Promise<unknown> };
}

/** For what does not stay up to date by itself: how old it is, and the way to have it anew. */
export function Refresh({ query }: Props) {
  return (
    <>
      {query.dataUpdatedAt > 0 && (
        <span className={styles.age} data-testid="as-of">
          as of <RelativeTime iso={new Date(query.dataUpdatedAt).toISOString()} />
        </span>
      )}
      <Button onClick={() => void query.refetch()}>
        <Icon name="refresh" />
        Refresh
      </Button>
    </>
  );
}
