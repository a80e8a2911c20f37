import type { AuditRecord } from '../api/types';
import { formatCount, formatNoun } from '../format/numbers';
import { DataTable } from '../ui/DataTable';
import { Moment } from '../ui/Moment';
import { SkeletonRows } from '../ui/Skeleton';
import styles from './AuditTable.module.css';

const COLUMNS = ['Number', 'When', 'Actor', 'Action', 'Target', 'Details', 'From'] as const;
const SKELETON_ROWS = 8;

const HEAD = COLUMNS.map((column) => (
  <th key={column} scope="col">
    {column}
  </th>
));

interface Props {
  /** Undefined: not known yet. */
  records: readonly AuditRecord[] | undefined;
  stale: boolean;
}

export function AuditTable({ records, stale }: Props) {
  const caption = records
    ? `Records of the audit, the newest first: ${formatNoun(records.length, 'row')}`
    : 'Audit, loading';
  return (
    <DataTable caption={caption} head={HEAD} stale={stale} testId="audit">
      {records ? (
        records.map((record) => <Row key={record.id} record={record} />)
      ) : (
        <SkeletonRows rows={SKELETON_ROWS} columns={COLUMNS.length} />
      )}
    </DataTable>
  );
}

function Row({ record }: { record: AuditRecord }) {
  return (
    <tr>
      <td className={styles.muted} title={`SHA-256 ${record.hash}`}>
        {formatCount(record.id)}
      </td>
      <td>
        <Moment iso={record.created_at} />
      </td>
      <td title={`Session of ${record.by_user}`}>{record.actor}</td>
      <td>
        <code>{record.action}</code>
      </td>
      <td className={styles.target} title={record.target_id ?? undefined}>
        <code>{record.target_id ?? '–'}</code>
      </td>
      <td className={styles.details}>
        {Object.entries(record.metadata).map(([name, value]) => (
          <span key={name} className={styles.detail}>
            <span className={styles.muted}>{name}</span> {typeof value === 'string' ? value : JSON.stringify(value)}
          </span>
        ))}
      </td>
      <td className={styles.muted}>{record.source_ip ?? '–'}</td>
    </tr>
  );
}
