import { useQuery } from '@tanstack/react-query';
import { useSearchParams } from 'wouter';
import { sources } from '../api/queries';

const PARAM = 'source';

/** The delivery source of the page: the API wants to be told where there are several. */
export function useSource() {
  const [search, setSearch] = useSearchParams();
  const { data, isPending } = useQuery(sources);
  const names = data?.sources.map((each) => each.name) ?? [];
  const source = search.get(PARAM) ?? (names.length > 1 ? names[0] : undefined);
  const setSource = (name: string) =>
    setSearch((previous) => {
      const next = new URLSearchParams(previous);
      next.set(PARAM, name);
      return next;
    });
  return { source, names, setSource, settled: !isPending };
}
