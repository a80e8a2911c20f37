import { useQuery } from '@tanstack/react-query';
import { status } from '../api/queries';
import type { SourceStatus } from '../api/types';
import { Badge } from '../ui/Badge';
import { Card } from '../ui/Card';
import { ProblemNotice } from '../ui/ProblemNotice';
import { RelativeTime } from '../ui/RelativeTime';
import { Skeleton } from '../ui/Skeleton';
import styles from './DetectionCard.module.css';

/** No incidents mean little while nobody looks for them. */
export function DetectionCard() {
  const query = useQuery(status);
  return (
    <Card title="Detection" note={query.data?.sources[0]?.worker && `Worker: ${query.data.sources[0].worker}`}>
      {query.error && <ProblemNotice error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && <Skeleton height="2.5rem" label="Loading" />}
      {query.data && (
        <ul className={styles.sources}>
          {query.data.sources.map((source) => (
            <SourceLine key={source.source} source={source} />
          ))}
        </ul>
      )}
    </Card>
  );
}

function SourceLine({ source }: { source: SourceStatus }) {
  return (
    <li className={styles.source}>
      <strong>{source.source ?? 'No source'}</strong>
      <Badge tone={source.state === 'ok' ? 'green' : 'amber'}>{source.state ?? 'Not evaluated'}</Badge>
      <span className={styles.when}>
        {source.last_success ? (
          <>
            evaluated <RelativeTime iso={source.last_success} />
          </>
        ) : (
          'never evaluated'
        )}
      </span>
      {source.state === 'busy' && <p className={styles.error}>held by {source.held_by}</p>}
      {source.state === 'superseded' && (
        <p className={styles.error}>already evaluated as of a later time</p>
      )}
      {source.state === 'partial' && (
        <p className={styles.error}>{source.left_changes} lesser changes of incidents are yet to be stored</p>
      )}
      {source.state === 'unmapped' && (
        <p className={styles.error}>
          {source.unmapped} of {source.deliveries} deliveries have a status that nobody knows
        </p>
      )}
      {source.last_error && <p className={styles.error}>{source.last_error}</p>}
    </li>
  );
}
