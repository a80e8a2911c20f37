import type { Delivery } from '../api/types';
import { formatNoun } from '../format/numbers';
import { DataTable } from '../ui/DataTable';
import { SkeletonRows } from '../ui/Skeleton';
import { DeliveryRow } from './DeliveryRow';
import { replayable } from './replayable';
import { SelectAll } from './SelectAll';
import type { Selection } from './useSelection';

const COLUMNS = ['Status', 'Triage', 'Event type', 'Target', 'Attempts', 'Tenant', 'Created', 'Error'] as const;
const RIGHT: ReadonlySet<string> = new Set(['Attempts']);
const SKELETON_ROWS = 12;

interface Props {
  /** Undefined: not known yet. */
  deliveries: readonly Delivery[] | undefined;
  stale: boolean;
  /** Null for those who may not replay: they have nothing to select for. */
  selection: Selection | null;
  /** Where the rows lead: the deliveries of the same tenant and endpoint. */
  hrefOf: (delivery: Delivery) => string | null;
}

export function DeliveryTable({ deliveries, stale, selection, hrefOf }: Props) {
  const head = (
    <>
      {selection && (
        <th scope="col">
          <SelectAll
            ids={(deliveries ?? []).filter(replayable).map((each) => each.delivery_id)}
            selection={selection}
          />
        </th>
      )}
      {COLUMNS.map((column) => (
        <th key={column} scope="col" data-align={RIGHT.has(column) ? 'right' : undefined}>
          {column}
        </th>
      ))}
    </>
  );
  const caption = deliveries
    ? `Deliveries, the newest first: ${formatNoun(deliveries.length, 'row')}`
    : 'Deliveries, loading';
  return (
    <DataTable caption={caption} head={head} stale={stale} testId="deliveries">
      {deliveries ? (
        deliveries.map((delivery) => (
          <DeliveryRow key={delivery.delivery_id} delivery={delivery} selection={selection} href={hrefOf(delivery)} />
        ))
      ) : (
        <SkeletonRows rows={SKELETON_ROWS} columns={COLUMNS.length + (selection ? 1 : 0)} />
      )}
    </DataTable>
  );
}
