import { useCallback } from 'react';
import { useSearchParams } from 'wouter';

/** Sets one parameter of the address and leaves the others. */
export function useSetSearchParam(name: string): (value: string) => void {
  const [, setSearch] = useSearchParams();
  return useCallback(
    (value) =>
      setSearch((previous) => {
        const next = new URLSearchParams(previous);
        next.set(name, value);
        return next;
      }),
    [name, setSearch],
  );
}
