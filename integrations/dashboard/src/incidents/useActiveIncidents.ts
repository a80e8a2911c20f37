import { useQuery } from '@tanstack/react-query';
import { activeIncidents } from '../api/queries';
import type { Incident, IncidentPage } from '../api/types';
import { useMay } from '../app/session';
import { formatCount } from '../format/numbers';
import { gravestFirst } from './ranking';

interface Active {
  /** The gravest first. */
  incidents: Incident[];
  count: number;
  /** How many there are, in words: "1,000+" if they are more than the API gives at once. */
  label: string;
}

export function activeOf({ incidents, next }: IncidentPage): Active {
  const count = incidents.length;
  return { incidents: gravestFirst(incidents), count, label: `${formatCount(count)}${next === null ? '' : '+'}` };
}

/** Null while nothing is known, and for those who may not know. */
export function useActiveIncidents(): Active | null {
  const may = useMay('incidents');
  const { data } = useQuery({ ...activeIncidents, enabled: may, select: activeOf });
  return data ?? null;
}
