import { Link } from 'wouter';
import { FAILED } from '../deliveries/replayable';
import { deliveriesPath, EVERYTHING, type DeliveryView } from '../deliveries/view';
import { formatCount, formatRate } from '../format/numbers';
import { Card } from '../ui/Card';
import { DataTable } from '../ui/DataTable';
import styles from './FailingTable.module.css';
import type { Period } from './period';

interface Row {
  name: string;
  failures: number;
  total: number;
  failure_rate: number;
}

interface Props {
  title: string;
  /** What the rows are. */
  of: string;
  rows: readonly Row[];
  /** The filters that show a row's deliveries. */
  linkTo: (name: string) => Partial<DeliveryView>;
  period: Period;
  source: string | undefined;
}

export function FailingTable({ title, of, rows, linkTo, period, source }: Props) {
  const most = Math.max(...rows.map((row) => row.failures));
  const head = (
    <>
      <th scope="col">{of}</th>
      {['Failures', 'Total', 'Rate'].map((column) => (
        <th key={column} scope="col" data-align="right">
          {column}
        </th>
      ))}
    </>
  );
  return (
    <Card title={title}>
      {rows.length === 0 ? (
        <p className={styles.none}>Nothing has failed.</p>
      ) : (
        <DataTable caption={`${title}, the most failures first`} head={head} testId={`failing-${of.toLowerCase()}`}>
          {rows.map((row) => (
            <tr key={row.name}>
              <th scope="row" className={styles.name}>
                <Link
                  href={deliveriesPath(
                    { ...EVERYTHING, ...linkTo(row.name), status: [...FAILED], range: period },
                    source,
                  )}
                  title={row.name}
                >
                  {row.name}
                </Link>
                <span className={styles.bar} style={{ width: `${(100 * row.failures) / most}%` }} aria-hidden="true" />
              </th>
              <td data-align="right">{formatCount(row.failures)}</td>
              <td data-align="right">{formatCount(row.total)}</td>
              <td data-align="right">{formatRate(row.failure_rate)}</td>
            </tr>
          ))}
        </DataTable>
      )}
    </Card>
  );
}
