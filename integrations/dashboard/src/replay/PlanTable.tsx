import type { PlannedReplay } from '../api/types';
import { TriageBadge } from '../deliveries/TriageBadge';
import { formatRate } from '../format/numbers';
import { withoutSigns } from '../format/text';
import { Badge } from '../ui/Badge';
import { DataTable } from '../ui/DataTable';
import { RelativeTime } from '../ui/RelativeTime';
import styles from './Replay.module.css';

const HEAD = (
  <>
    <th scope="col">Outcome</th>
    <th scope="col">Target</th>
    <th scope="col">Triage</th>
    <th scope="col">Created</th>
    <th scope="col" data-align="right">
      Expected success
    </th>
    <th scope="col">Reason</th>
  </>
);

export function PlanTable({ deliveries }: { deliveries: readonly PlannedReplay[] }) {
  return (
    <div className={styles.table}>
      <DataTable caption="What a replay would do, the oldest first" head={HEAD} testId="plan">
        {deliveries.map((each) => (
          <tr key={each.delivery_id}>
            <td>
              {each.outcome === 'replay' && <Badge tone="accent">Replay</Badge>}
              {each.outcome === 'hold' && <Badge tone="amber">On hold</Badge>}
              {each.outcome === 'refuse' && <Badge tone="red">Refused</Badge>}
            </td>
            <td className={styles.target} title={each.endpoint ?? undefined}>
              {each.endpoint ?? '–'}
            </td>
            <td>
              <TriageBadge label={each.triage_label} />
            </td>
            <td>
              <RelativeTime iso={each.created_at} />
            </td>
            <td data-align="right">{formatRate(each.expected_success_rate)}</td>
            <td className={styles.reason}>{withoutSigns(each.reason)}</td>
          </tr>
        ))}
      </DataTable>
    </div>
  );
}
