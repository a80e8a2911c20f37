import { Link } from 'wouter';
import type { Incident } from '../api/types';
import { formatCount, formatMultiple } from '../format/numbers';
import { RelativeTime } from '../ui/RelativeTime';
import { IncidentBadges, SeverityBadge } from './IncidentBadges';
import styles from './IncidentRow.module.css';
import { Lasting } from './Lasting';
import { kindsOf, placeOf } from './wording';

export function IncidentRow({ incident }: { incident: Incident }) {
  return (
    <tr data-incident={incident.id}>
      <td>
        <SeverityBadge severity={incident.severity} />
      </td>
      <td>
        <IncidentBadges incident={incident} />
      </td>
      <th scope="row" className={styles.what}>
        <Link href={`/incidents/${incident.id}`}>
          {kindsOf(incident)} <span className={styles.number}>#{incident.id}</span>
        </Link>
        <span className={styles.place}>{placeOf(incident)}</span>
      </th>
      <td>{incident.tenant_id ?? '–'}</td>
      <td data-align="right">
        {formatCount(incident.recent_failures)}
        <span className={styles.number}> of {formatCount(incident.recent_count)}</span>
      </td>
      <td data-align="right">{formatMultiple(incident.peak_multiplier)}</td>
      <td>
        <RelativeTime iso={incident.detected_at} />
      </td>
      <td className={styles.lasting}>
        <Lasting incident={incident} />
      </td>
    </tr>
  );
}
