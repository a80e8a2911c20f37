import type { Incident } from '../api/types';
import { formatNoun } from '../format/numbers';
import { DataTable } from '../ui/DataTable';
import { SkeletonRows } from '../ui/Skeleton';
import { IncidentRow } from './IncidentRow';

const COLUMNS = ['Severity', 'Status', 'Incident', 'Tenant', 'Failures, 5 min', 'Peak', 'Began', 'Duration'] as const;
const RIGHT: ReadonlySet<string> = new Set(['Failures, 5 min', 'Peak']);
const SKELETON_ROWS = 4;

interface Props {
  /** Undefined: not known yet. */
  incidents: readonly Incident[] | undefined;
  stale: boolean;
}

export function IncidentTable({ incidents, stale }: Props) {
  const head = COLUMNS.map((column) => (
    <th key={column} scope="col" data-align={RIGHT.has(column) ? 'right' : undefined}>
      {column}
    </th>
  ));
  const caption = incidents
    ? `Incidents, the newest first: ${formatNoun(incidents.length, 'row')}`
    : 'Incidents, loading';
  return (
    <DataTable caption={caption} head={head} stale={stale} testId="incidents">
      {incidents ? (
        incidents.map((incident) => <IncidentRow key={incident.id} incident={incident} />)
      ) : (
        <SkeletonRows rows={SKELETON_ROWS} columns={COLUMNS.length} />
      )}
    </DataTable>
  );
}
