import { useState } from 'react';
import type { Delivery } from '../api/types';
import { replayable } from './replayable';

export interface Selection {
  ids: ReadonlySet<string>;
  /** The rows on the page are those of another view: there is nothing to select yet. */
  locked: boolean;
  toggle: (id: string) => void;
  /** All of them, or none if all are selected. */
  toggleAll: (ids: readonly string[]) => void;
  clear: () => void;
}

const NONE: ReadonlySet<string> = new Set();

/** Those that are on the page and can be selected there. */
export function visible(ids: ReadonlySet<string>, rows: readonly Delivery[] | undefined): ReadonlySet<string> {
  const shown = (rows ?? []).filter(replayable).map((row) => row.delivery_id);
  return new Set(shown.filter((id) => ids.has(id)));
}

/** What somebody has ticked in one view: with other filters nothing is selected. */
export function useTicked(view: string): [ReadonlySet<string>, (ids: Iterable<string>) => void] {
  const [ticked, setTicked] = useState({ view, ids: NONE });
  const ids = ticked.view === view ? ticked.ids : NONE;
  return [ids, (next) => setTicked({ view, ids: new Set(next) })];
}

/** Nobody replays what they do not see: what was ticked counts only as long as it is on the page. */
export function selectionOf(
  [ticked, tick]: ReturnType<typeof useTicked>,
  rows: readonly Delivery[] | undefined,
  locked: boolean,
): Selection {
  const ids = visible(ticked, rows);
  return {
    ids,
    locked,
    toggle: (id) => tick(ids.has(id) ? [...ids].filter((each) => each !== id) : [...ids, id]),
    toggleAll: (all) =>
      tick(all.every((id) => ids.has(id)) ? [...ids].filter((id) => !all.includes(id)) : [...ids, ...all]),
    clear: () => tick([]),
  };
}
