import { useQuery } from '@tanstack/react-query';
import { auditVerdict } from '../api/queries';
import { formatCount } from '../format/numbers';
import { Badge } from '../ui/Badge';
import { Button } from '../ui/Button';
import { Card } from '../ui/Card';
import { ProblemNotice } from '../ui/ProblemNotice';
import styles from './ChainCard.module.css';

/** Follows the whole chain, so only when somebody asks. */
export function ChainCard() {
  const { data, error, isFetching, refetch } = useQuery(auditVerdict);
  return (
    <Card title="Chain of hashes">
      <p className={styles.muted}>Each record carries a hash over itself and the record before it.</p>
      {error && <ProblemNotice error={error} />}
      <div role="status">
        {data?.problems.length === 0 && <Badge tone="green">All records are as they were written</Badge>}
        {data && data.problems.length > 0 && (
          <ul className={styles.problems}>
            {data.problems.map(({ id, problem }) => (
              <li key={`${id} ${problem}`}>
                {id !== null && <strong>Record {formatCount(id)}: </strong>}
                {problem}
              </li>
            ))}
          </ul>
        )}
        {data?.head && (
          <p className={styles.head}>
            Head, to be kept elsewhere: {formatCount(data.head.id)} <code>{data.head.hash}</code>
          </p>
        )}
      </div>
      <div>
        <Button unavailable={isFetching} onClick={() => void refetch()}>
          {isFetching ? 'Verifying…' : 'Verify'}
        </Button>
      </div>
    </Card>
  );
}
