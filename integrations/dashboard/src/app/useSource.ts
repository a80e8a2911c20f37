import { useQuery } from '@tanstack/react-query';
import { useSearchParams } from 'wouter';
import { sources } from '../api/queries';
import { useSetSearchParam } from './useSetSearchParam';

const PARAM = 'source';

/** The delivery source of the page: the API wants to be told where there are several. */
export function useSource() {
  const [search] = useSearchParams();
  const setSource = useSetSearchParam(PARAM);
  const { data, isPending } = useQuery(sources);
  const names = data?.sources.map((each) => each.name) ?? [];
  const source = search.get(PARAM) ?? (names.length > 1 ? names[0] : undefined);
  return { source, names, setSource, settled: !isPending };
}
