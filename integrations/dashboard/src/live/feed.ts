import { api } from '../api/client';
import { EVENT_NAMES, type EventPage, type IncidentEvent } from '../api/types';
import { connectionOf, INITIAL, reduce, type LiveAction, type LiveState } from './reducer';

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 15_000;
const POLL_WHILE_DOWN_MS = 5_000;
// A connection can die without a word: then a slow poll finds what the stream did not bring.
const POLL_WHILE_LIVE_MS = 60_000;

interface Source {
  /** Asks for the incidents, and so for the seq that those on the page are of: nothing in between is lost. */
  newest: () => Promise<number>;
  eventsAfter: (seq: number) => Promise<EventPage>;
}

/** Events of incidents: by the stream, and by polling while there is none. Follows on from where it was; where there
 * are fewer events than that, the database is another one, such as one from a backup, and counts from there. */
export class EventFeed {
  #state = INITIAL;
  #listeners = new Set<() => void>();
  #stream: EventSource | null = null;
  #retry: number | undefined;
  #poll: number | undefined;
  #failures = 0;
  #running = false;
  readonly #source: Source;

  constructor(source: Source) {
    this.#source = source;
  }

  readonly subscribe = (listener: () => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  readonly state = (): LiveState => this.#state;

  start() {
    this.#running = true;
    document.addEventListener('visibilitychange', this.#onVisible);
    void this.#connect();
  }

  stop() {
    this.#running = false;
    document.removeEventListener('visibilitychange', this.#onVisible);
    window.clearTimeout(this.#retry);
    window.clearTimeout(this.#poll);
    this.#stream?.close();
    this.#stream = null;
  }

  #dispatch(action: LiveAction) {
    const next = reduce(this.#state, action);
    if (next === this.#state) return;
    this.#state = next;
    for (const listener of this.#listeners) listener();
  }

  async #connect() {
    const before = this.#state.seq;
    let newest: number;
    try {
      newest = await this.#source.newest();
    } catch {
      this.#dispatch({ type: 'unanswered' });
      this.#reconnectLater();
      return;
    }
    if (before === null || newest < before) this.#dispatch({ type: 'began', seq: newest });
    if (this.#running) this.#open(this.#state.seq ?? newest);
  }

  #open(after: number) {
    this.#stream?.close();
    const stream = api.eventStream(after);
    this.#stream = stream;
    stream.onopen = () => {
      this.#failures = 0;
      this.#dispatch({ type: 'opened' });
      this.#pollIn(POLL_WHILE_LIVE_MS);
    };
    // EventSource gives up for good after an answer such as 503, so the retries are ours.
    stream.onerror = () => {
      stream.close();
      this.#dispatch({ type: 'dropped' });
      this.#reconnectLater();
      this.#pollIn(0);
    };
    for (const name of EVENT_NAMES) {
      stream.addEventListener(name, (message: MessageEvent<string>) => {
        this.#dispatch({ type: 'events', events: [JSON.parse(message.data) as IncidentEvent] });
      });
    }
  }

  #reconnectLater() {
    if (!this.#running) return;
    const delay = Math.min(FIRST_RETRY_MS * 2 ** this.#failures, LONGEST_RETRY_MS);
    this.#failures += 1;
    window.clearTimeout(this.#retry);
    // Not all browsers at once after a restart.
    this.#retry = window.setTimeout(() => void this.#connect(), delay * (0.75 + Math.random() / 2));
  }

  #pollIn(delay: number) {
    if (!this.#running) return;
    window.clearTimeout(this.#poll);
    this.#poll = window.setTimeout(() => void this.#pollNow(), delay);
  }

  async #pollNow() {
    const { seq, streaming } = this.#state;
    if (seq === null) return;
    try {
      const { events, last_seq: last } = await this.#source.eventsAfter(seq);
      this.#dispatch({ type: 'answered' });
      if (last < seq) this.#dispatch({ type: 'began', seq: last });
      this.#dispatch({ type: 'events', events });
      if (streaming && last !== seq && this.#running) this.#open(this.#state.seq ?? last);
    } catch {
      this.#dispatch({ type: 'unanswered' });
    }
    this.#pollIn(connectionOf(this.#state) === 'live' ? POLL_WHILE_LIVE_MS : POLL_WHILE_DOWN_MS);
  }

  // Timers of a tab in the background are slow: catch up as soon as somebody looks.
  readonly #onVisible = () => {
    if (document.visibilityState === 'visible') this.#pollIn(0);
  };
}
