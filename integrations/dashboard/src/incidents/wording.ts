import type { Incident, IncidentStatus, Severity } from '../api/types';
import type { Tone } from '../ui/Badge';

export const SEVERITY: Record<Severity, { label: string; tone: Tone }> = {
  critical: { label: 'Critical', tone: 'red' },
  warning: { label: 'Warning', tone: 'amber' },
};

export const STATUS: Record<IncidentStatus, { label: string; tone: Tone }> = {
  open: { label: 'Open', tone: 'red' },
  acknowledged: { label: 'Acknowledged', tone: 'accent' },
  resolved: { label: 'Resolved', tone: 'green' },
};

export function kindsOf(incident: Incident): string {
  const kinds = [
    incident.failure_cluster_detected && 'failure cluster',
    incident.spike_detected && 'traffic spike',
    incident.silence_detected && 'silence',
  ].filter((kind) => kind !== false);
  const text = kinds.join(' and ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export const placeOf = (incident: Incident) =>
  incident.scope === 'fleet' ? 'All endpoints' : (incident.endpoint ?? 'No endpoint');
