import { useRef } from 'react';
import { formatNoun } from '../format/numbers';
import { Button } from './Button';
import styles from './LoadMore.module.css';
import { TableStatus } from './TableStatus';

interface Props {
  /** Undefined: not known yet. */
  shown: number | undefined;
  noun: string;
  plural?: string;
  query: {
    hasNextPage: boolean;
    isFetchingNextPage: boolean;
    isPlaceholderData: boolean;
    fetchNextPage: () => Promise<{ hasNextPage: boolean }>;
  };
}

export function LoadMore({ shown, noun, plural, query }: Props) {
  const status = useRef<HTMLSpanElement>(null);
  const more = async () => {
    const { hasNextPage } = await query.fetchNextPage();
    // The button goes after the last page.
    if (!hasNextPage) status.current?.focus();
  };
  return (
    <div className={styles.more}>
      <TableStatus ref={status} shown={query.isPlaceholderData ? undefined : shown}>
        {formatNoun(shown ?? 0, noun, plural)}
        {query.hasNextPage && ' so far'}
      </TableStatus>
      {query.hasNextPage && (
        <Button unavailable={query.isFetchingNextPage} onClick={() => void more()}>
          {query.isFetchingNextPage ? 'Loading…' : 'Load more'}
        </Button>
      )}
    </div>
  );
}
