import { useState } from 'react';

export interface Selection {
  ids: ReadonlySet<string>;
  toggle: (id: string) => void;
  /** All of them, or none if all are selected. */
  toggleAll: (ids: readonly string[]) => void;
  clear: () => void;
}

const NONE: ReadonlySet<string> = new Set();

/** Of one view: with other filters nothing is selected, so that nobody replays what they do not see. */
export function useSelection(view: string): Selection {
  const [selected, setSelected] = useState({ view, ids: NONE });
  const ids = selected.view === view ? selected.ids : NONE;
  const select = (next: Iterable<string>) => setSelected({ view, ids: new Set(next) });
  return {
    ids,
    toggle: (id) => select(ids.has(id) ? [...ids].filter((each) => each !== id) : [...ids, id]),
    toggleAll: (all) =>
      select(all.every((id) => ids.has(id)) ? [...ids].filter((id) => !all.includes(id)) : [...ids, ...all]),
    clear: () => select([]),
  };
}
