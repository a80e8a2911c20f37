import { useQueryClient } from '@tanstack/react-query';
import { createContext, useContext, useEffect, useRef, useState, useSyncExternalStore, type ReactNode } from 'react';
import { activeIncidents, eventsAfter, keys } from '../api/queries';
import { EventFeed } from './feed';
import { paced } from './paced';
import type { LiveState } from './reducer';

// Together with one request and its answer it has to stay well below the two seconds within which an incident shows.
const PAUSE_MS = 200;

const LiveContext = createContext<LiveState | null>(null);

/** Null for those who may not see incidents: they have no feed. */
export const useLive = (): LiveState | null => useContext(LiveContext);

/** Keeps everything that shows incidents up to date. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [feed] = useState(
    () =>
      new EventFeed({
        newest: async () => (await client.fetchQuery({ ...activeIncidents, staleTime: 0 })).last_seq,
        eventsAfter: (seq) => client.fetchQuery(eventsAfter(seq)),
      }),
  );
  const state = useSyncExternalStore(feed.subscribe, feed.state);

  useEffect(() => {
    feed.start();
    return () => feed.stop();
  }, [feed]);

  const [refresh] = useState(() =>
    paced(
      () =>
        Promise.all([
          client.invalidateQueries({ queryKey: keys.incidents }),
          client.invalidateQueries({ queryKey: keys.mutes }),
        ]),
      PAUSE_MS,
    ),
  );
  const shown = useRef<number | null>(null);
  useEffect(() => {
    const before = shown.current;
    shown.current = state.seq;
    // What the page begins with is of the seq that the feed begins with.
    if (before !== null && before !== state.seq) refresh();
  }, [refresh, state.seq]);

  return <LiveContext value={state}>{children}</LiveContext>;
}
