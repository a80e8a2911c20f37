import type { ComparedFigure } from '../api/types';
import { formatRate } from '../format/numbers';
import { Badge } from '../ui/Badge';
import { Card } from '../ui/Card';
import { DataTable } from '../ui/DataTable';
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

/** The rates of failure that changed most against the period before. */
export function MoversCard({ rows }: { rows: readonly ComparedFigure[] }) {
  const movers = [...moversOf(rows, 'worse'), ...moversOf(rows, 'better')];
  return (
    <Card title="Worse and better than before" note="Failure rates, by impact">
      {movers.length === 0 ? (
        <p className={styles.none}>No endpoint has enough deliveries in both periods.</p>
      ) : (
        <DataTable caption="Endpoints whose failure rate changed against the period before" head={HEAD}>
          {movers.map((row) => (
            <tr key={row.endpoint}>
              <th scope="row" className={styles.name} title={row.endpoint}>
                {row.endpoint}
              </th>
              <td>
                {row.direction === 'worse' ? <Badge tone="red">Worse</Badge> : <Badge tone="green">Better</Badge>}
              </td>
              <td data-align="right">{formatRate(row.previous_value)}</td>
              <td data-align="right">{formatRate(row.current_value)}</td>
            </tr>
          ))}
        </DataTable>
      )}
    </Card>
  );
}
