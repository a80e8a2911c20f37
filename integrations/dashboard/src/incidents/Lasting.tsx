import type { Incident } from '../api/types';
import { formatDuration } from '../format/times';
import { useNow } from '../ui/useNow';

export function Lasting({ incident }: { incident: Incident }) {
  const now = useNow();
  const end = incident.resolved_at ? Date.parse(incident.resolved_at) : now;
  return formatDuration((end - Date.parse(incident.detected_at)) / 1000);
}
