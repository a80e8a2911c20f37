import { useQuery } from '@tanstack/react-query';
import { activeIncidents } from '../api/queries';
import type { Incident } from '../api/types';
import { useMay } from '../app/session';
import { gravestFirst } from './ranking';

interface Active {
  /** The gravest first. */
  incidents: Incident[];
  count: number;
  /** There are more than those. */
  more: boolean;
}

/** Null while nothing is known, and for those who may not know. */
export function useActiveIncidents(): Active | null {
  const may = useMay('incidents');
  const { data } = useQuery({ ...activeIncidents, enabled: may });
  if (!data) return null;
  return { incidents: gravestFirst(data.incidents), count: data.incidents.length, more: data.next !== null };
}
