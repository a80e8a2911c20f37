import type { Incident } from '../api/types';

/** Whether somebody should still react to it. */
const isCalling = (incident: Incident) => incident.status === 'open' && !incident.muted;

const weight = (incident: Incident) => (isCalling(incident) ? 2 : 0) + (incident.severity === 'critical' ? 1 : 0);

/** What calls for somebody before what is looked after or muted; then critical; then the most failures; then the oldest. */
export function gravestFirst(incidents: readonly Incident[]): Incident[] {
  return [...incidents].sort((a, b) => weight(b) - weight(a) || b.recent_failures - a.recent_failures || a.id - b.id);
}

type Urgency = 'critical' | 'warning' | 'quiet';

export function urgencyOf(incidents: readonly Incident[]): Urgency {
  const calling = incidents.filter(isCalling);
  if (calling.length === 0) return 'quiet';
  return calling.some((incident) => incident.severity === 'critical') ? 'critical' : 'warning';
}
