import { Badge } from '../ui/Badge';
import styles from './TriageBadge.module.css';
import { isTriageLabel, TRIAGE } from './wording';

export function TriageBadge({ label }: { label: string | null }) {
  if (label === null) return <span className={styles.none}>–</span>;
  if (!isTriageLabel(label)) return <Badge tone="grey">{label}</Badge>;
  return (
    <Badge tone={TRIAGE[label].tone} title={label}>
      {TRIAGE[label].label}
    </Badge>
  );
}
