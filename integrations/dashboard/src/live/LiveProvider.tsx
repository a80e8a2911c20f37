import { useQueryClient } from '@tanstack/react-query';
import { createContext, useContext, useEffect, useState, useSyncExternalStore, type ReactNode } from 'react';
import { activeIncidents, keys } from '../api/queries';
import { EventFeed } from './feed';
import type { LiveState } from './reducer';

const LiveContext = createContext<LiveState | null>(null);

/** Null for those who may not see incidents: they have no feed. */
export const useLive = (): LiveState | null => useContext(LiveContext);

/** Keeps everything that shows incidents up to date. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [feed] = useState(() => new EventFeed(async () => (await client.fetchQuery(activeIncidents)).last_seq));
  const state = useSyncExternalStore(feed.subscribe, feed.state);

  useEffect(() => {
    feed.start();
    return () => feed.stop();
  }, [feed]);

  useEffect(() => {
    if (state.seq === null) return;
    void client.invalidateQueries({ queryKey: keys.incidents });
    void client.invalidateQueries({ queryKey: keys.mutes });
  }, [client, state.seq]);

  return <LiveContext value={state}>{children}</LiveContext>;
}
