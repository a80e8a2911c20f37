import type { UseQueryResult } from '@tanstack/react-query';
import type { ComparedFigure } from '../api/types';
import { formatRate } from '../format/numbers';
import { Badge } from '../ui/Badge';
import { Card } from '../ui/Card';
import { DataTable } from '../ui/DataTable';
import { ProblemNotice } from '../ui/ProblemNotice';
import { Skeleton } from '../ui/Skeleton';
import { moversOf } from './movers';
import styles from './MoversCard.module.css';

const HEAD = (
  <>
    <th scope="col">Endpoint</th>
    <th scope="col">Change</th>
    <th scope="col" data-align="right">
      Before
    </th>
    <th scope="col" data-align="right">
      Now
    </th>
  </>
);

interface Props {
  query: Pick<
    UseQueryResult<{ rows: ComparedFigure[] }>,
    'data' | 'error' | 'isPending' | 'isPlaceholderData' | 'refetch'
  >;
}

/** The rates of failure that changed most against the period before. */
export function MoversCard({ query }: Props) {
  return (
    <Card title="Worse and better than before" note="Failure rates, by impact">
      {query.error && <ProblemNotice error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && <Skeleton height="6rem" label="Loading the comparison" />}
      {query.data && (
        <div aria-busy={query.isPlaceholderData}>
          <Movers rows={query.data.rows} />
        </div>
      )}
    </Card>
  );
}

function Movers({ rows }: { rows: readonly ComparedFigure[] }) {
  const movers = [...moversOf(rows, 'worse'), ...moversOf(rows, 'better')];
  if (movers.length === 0)
    return <p className={styles.none}>No endpoint with enough deliveries in both periods has changed.</p>;
  return (
    <DataTable
      caption="Endpoints whose failure rate changed against the period before"
      head={HEAD}
      testId="movers"
    >
      {movers.map((row) => (
        <tr key={row.endpoint}>
          <th scope="row" className={styles.name} title={row.endpoint}>
            {row.endpoint}
          </th>
          <td>{row.direction === 'worse' ? <Badge tone="red">Worse</Badge> : <Badge tone="green">Better</Badge>}</td>
          <td data-align="right">{formatRate(row.previous_value)}</td>
          <td data-align="right">{formatRate(row.current_value)}</td>
        </tr>
      ))}
    </DataTable>
  );
}
