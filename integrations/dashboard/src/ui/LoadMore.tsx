import { formatNoun } from '../format/numbers';
import { Button } from './Button';
import styles from './LoadMore.module.css';

interface Props {
  shown: number;
  noun: string;
  plural?: string;
  query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => Promise<unknown> };
}

export function LoadMore({ shown, noun, plural, query }: Props) {
  return (
    <div className={styles.more}>
      <span role="status">
        {shown > 0 && `${formatNoun(shown, noun, plural)}${query.hasNextPage ? ' so far' : ''}`}
      </span>
      {query.hasNextPage && (
        <Button unavailable={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          {query.isFetchingNextPage ? 'Loading…' : 'Load more'}
        </Button>
      )}
    </div>
  );
}
