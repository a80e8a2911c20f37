import type { Incident, Severity } from '../api/types';
import { Badge } from '../ui/Badge';
import styles from './IncidentBadges.module.css';
import { SEVERITY, STATUS } from './wording';

export function SeverityBadge({ severity }: { severity: Severity }) {
  return <Badge tone={SEVERITY[severity].tone}>{SEVERITY[severity].label}</Badge>;
}

/** Its status, and whatever else there is to know of it at a glance. */
export function IncidentBadges({ incident }: { incident: Incident }) {
  return (
    <span className={styles.badges}>
      <Badge tone={STATUS[incident.status].tone}>{STATUS[incident.status].label}</Badge>
      {incident.muted && incident.status !== 'resolved' && <Badge tone="grey">Muted</Badge>}
      {incident.flapping && <Badge tone="amber">Flapping</Badge>}
      {incident.false_positive && <Badge tone="grey">False positive</Badge>}
    </span>
  );
}
