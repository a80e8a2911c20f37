import type { IncidentEvent } from '../api/types';

export interface LiveState {
  /** Whether the stream of events is open. */
  streaming: boolean;
  /** Whether the service answered when it was asked last; null before that. */
  answering: boolean | null;
  /** The last event that was seen; null before the first answer. */
  seq: number | null;
  /** What an operator should hear of, the latest of it, the last one last. */
  news: readonly IncidentEvent[];
}

export type LiveAction =
  | { type: 'began'; seq: number }
  | { type: 'opened' }
  | { type: 'dropped' }
  | { type: 'answered' }
  | { type: 'unanswered' }
  | { type: 'events'; events: readonly IncidentEvent[] };

export type Connection = 'connecting' | 'live' | 'polling' | 'offline';

export const INITIAL: LiveState = { streaming: false, answering: null, seq: null, news: [] };

const MOST_NEWS = 5;
const NEWS: ReadonlySet<string> = new Set(['opened', 'reopened', 'escalated', 'flapping', 'unmuted', 'resolved']);

export function reduce(state: LiveState, action: LiveAction): LiveState {
  switch (action.type) {
    case 'began':
      return { ...state, seq: action.seq };
    case 'opened':
      return { ...state, streaming: true, answering: true };
    case 'dropped':
      return { ...state, streaming: false };
    case 'answered':
      return { ...state, answering: true };
    case 'unanswered':
      return { ...state, answering: false };
    case 'events':
      return take(state, action.events);
  }
}

/** A stream can be open while the database behind it does not answer. */
export function connectionOf({ streaming, answering }: LiveState): Connection {
  if (answering === false) return 'offline';
  if (streaming) return 'live';
  return answering ? 'polling' : 'connecting';
}

/** The same event may come by the stream and by a poll: the seq tells. */
function take(state: LiveState, events: readonly IncidentEvent[]): LiveState {
  const unseen = events.filter((event) => state.seq === null || event.seq > state.seq);
  const last = unseen.at(-1);
  if (!last) return state;
  const news = unseen.filter((event) => event.notified && NEWS.has(event.event));
  // Of many at once, those that are over are the first to be left out.
  const over = news.filter((event) => event.event === 'resolved');
  const calling = news.filter((event) => event.event !== 'resolved');
  return { ...state, seq: last.seq, news: [...state.news, ...over, ...calling].slice(-MOST_NEWS) };
}
