import { useQuery } from '@tanstack/react-query';
import { auditStats } from '../api/queries';
import { formatCount } from '../format/numbers';
import { Card } from '../ui/Card';
import { DataTable } from '../ui/DataTable';
import { ProblemNotice } from '../ui/ProblemNotice';
import { RelativeTime } from '../ui/RelativeTime';
import { Skeleton } from '../ui/Skeleton';

const HEAD = (
  <>
    <th scope="col">Actor</th>
    <th scope="col">Action</th>
    <th scope="col" data-align="right">
      Times
    </th>
    <th scope="col">Last</th>
  </>
);

export function AuditStatsCard({ since }: { since: string | undefined }) {
  const query = useQuery(auditStats(since));
  const stats = query.data?.stats;
  return (
    <Card title="Who did what">
      {query.error && <ProblemNotice error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && <Skeleton height="6rem" label="Loading" />}
      {stats?.length === 0 && <p>Nobody did anything.</p>}
      {stats && stats.length > 0 && (
        <DataTable caption="How often who did what" head={HEAD}>
          {stats.map((stat) => (
            <tr key={`${stat.actor} ${stat.action}`}>
              <th scope="row">{stat.actor}</th>
              <td>
                <code>{stat.action}</code>
              </td>
              <td data-align="right">{formatCount(stat.count)}</td>
              <td>
                <RelativeTime iso={stat.last_at} />
              </td>
            </tr>
          ))}
        </DataTable>
      )}
    </Card>
  );
}
