import type { Interval } from '../api/types';
import { formatCount, formatRate } from '../format/numbers';
import { formatDayHour } from '../format/times';
import { DataTable } from '../ui/DataTable';

const HEAD = (
  <>
    <th scope="col">From</th>
    <th scope="col" data-align="right">
      Deliveries
    </th>
    <th scope="col" data-align="right">
      Failures
    </th>
    <th scope="col" data-align="right">
      Success rate
    </th>
  </>
);

export function TrendsTable({ intervals }: { intervals: readonly Interval[] }) {
  return (
    <DataTable caption="Deliveries over time, the oldest first" head={HEAD} testId="trends">
      {intervals.map((each) => (
        <tr key={each.timestamp}>
          <th scope="row">
            <time dateTime={each.timestamp}>{formatDayHour(Date.parse(each.timestamp))}</time>
          </th>
          <td data-align="right">{formatCount(each.total_deliveries)}</td>
          <td data-align="right">{formatCount(each.failures)}</td>
          <td data-align="right">{formatRate(each.settled_success_rate)}</td>
        </tr>
      ))}
    </DataTable>
  );
}
