import type { ReplayAnswer } from '../api/types';
import { formatCount } from '../format/numbers';
import { Badge } from '../ui/Badge';
import { DataTable } from '../ui/DataTable';
import { countOutcomes, OUTCOME } from './outcomes';
import styles from './Replay.module.css';

const HEAD = (
  <>
    <th scope="col">Delivery</th>
    <th scope="col">Outcome</th>
    <th scope="col" data-align="right">
      Audit record
    </th>
    <th scope="col">Detail</th>
  </>
);

export function ReplayResults({ answer }: { answer: ReplayAnswer }) {
  return (
    <>
      <div role="status">
        <ul className={styles.outcomes} data-testid="outcomes">
          {countOutcomes(answer.results).map(({ outcome, count }) => (
            <li key={outcome}>
              <strong>{formatCount(count)}</strong> <Badge tone={OUTCOME[outcome].tone}>{OUTCOME[outcome].label}</Badge>
            </li>
          ))}
        </ul>
      </div>
      <div className={styles.table}>
        <DataTable caption="What became of each delivery" head={HEAD} testId="results">
          {answer.results.map((each) => (
            <tr key={each.delivery_id}>
              <td>
                <code>{each.delivery_id}</code>
              </td>
              <td>
                <Badge tone={OUTCOME[each.outcome].tone}>{OUTCOME[each.outcome].label}</Badge>
              </td>
              <td data-align="right">{formatCount(each.audit_id)}</td>
              <td className={styles.reason}>{each.detail ?? '–'}</td>
            </tr>
          ))}
        </DataTable>
      </div>
    </>
  );
}
