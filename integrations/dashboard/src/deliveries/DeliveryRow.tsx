import { Link } from 'wouter';
import type { Delivery } from '../api/types';
import { formatCount } from '../format/numbers';
import { formatAbsolute } from '../format/times';
import { RelativeTime } from '../ui/RelativeTime';
import styles from './DeliveryRow.module.css';
import { replayable } from './replayable';
import { StatusBadge } from './StatusBadge';
import { TriageBadge } from './TriageBadge';
import type { Selection } from './useSelection';

interface Props {
  delivery: Delivery;
  selection: Selection | null;
  /** Null where no filters say what this one's like are. */
  href: string | null;
}

const MISSING = '–';

export function DeliveryRow({ delivery, selection, href }: Props) {
  const selected = selection?.ids.has(delivery.delivery_id) ?? false;
  return (
    <tr className={styles.row} data-selected={selected || undefined} data-delivery={delivery.delivery_id}>
      {selection && (
        <td className={styles.select}>
          {replayable(delivery) && (
            <input
              type="checkbox"
              checked={selected}
              disabled={selection.locked}
              aria-label={`Select the delivery to ${delivery.endpoint ?? 'no endpoint'} of ${formatAbsolute(delivery.created_at)}`}
              onChange={() => selection.toggle(delivery.delivery_id)}
            />
          )}
        </td>
      )}
      <td>
        <StatusBadge status={delivery.status_class} raw={delivery.status} />
      </td>
      <td>
        <TriageBadge label={delivery.triage_label} />
      </td>
      <td className={styles.plain}>{delivery.event_type ?? MISSING}</td>
      <td className={styles.target}>
        {href ? (
          <Link href={href} title={`${delivery.endpoint}: show only these`}>
            {delivery.endpoint}
          </Link>
        ) : (
          (delivery.endpoint ?? MISSING)
        )}
      </td>
      <td data-align="right" className={styles.plain}>
        {formatCount(delivery.attempts)}
        {delivery.max_attempts !== null && (
          <span className={styles.muted}> / {formatCount(delivery.max_attempts)}</span>
        )}
      </td>
      <td className={styles.plain}>{delivery.tenant_id ?? MISSING}</td>
      <td className={styles.plain}>
        <RelativeTime iso={delivery.created_at} />
      </td>
      <td className={styles.error} title={delivery.error ?? undefined}>
        {delivery.error ?? <span className={styles.muted}>{MISSING}</span>}
      </td>
    </tr>
  );
}
