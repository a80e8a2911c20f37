import { describe, expect, it } from 'vitest';
import type { EventName, IncidentEvent } from '../api/types';
import { connectionOf, INITIAL, reduce, type LiveAction } from './reducer';

const event = (seq: number, name: EventName = 'opened', notified = true) =>
  ({ seq, event: name, notified, message: `event ${seq}` }) as IncidentEvent;

const after = (...actions: LiveAction[]) => actions.reduce(reduce, INITIAL);

describe('the connection', () => {
  it.each<[string, LiveAction[], string]>([
    ['nothing is known', [], 'connecting'],
    ['the first question failed', [{ type: 'unanswered' }], 'offline'],
    ['the stream is open', [{ type: 'began', seq: 3 }, { type: 'opened' }], 'live'],
    ['the stream is down and nobody has asked yet', [{ type: 'opened' }, { type: 'dropped' }], 'polling'],
    ['the stream is down and polls fail', [{ type: 'opened' }, { type: 'dropped' }, { type: 'unanswered' }], 'offline'],
    ['polls work again', [{ type: 'dropped' }, { type: 'unanswered' }, { type: 'answered' }], 'polling'],
    ['the stream is open but the database is down', [{ type: 'opened' }, { type: 'unanswered' }], 'offline'],
    [
      'the database is back under an open stream',
      [{ type: 'opened' }, { type: 'unanswered' }, { type: 'answered' }],
      'live',
    ],
  ])('when %s', (_, actions, expected) => {
    expect(connectionOf(after(...actions))).toBe(expected);
  });
});

describe('events', () => {
  const began: LiveAction = { type: 'began', seq: 10 };

  it('move the seq on, and the latest is news', () => {
    const state = after(began, { type: 'events', events: [event(11), event(12)] });
    expect(state.seq).toBe(12);
    expect(state.news.map(({ seq }) => seq)).toEqual([11, 12]);
  });

  it('that are over do not hide one that calls for somebody', () => {
    const resolved = [12, 13, 14, 15, 16, 17].map((seq) => event(seq, 'resolved'));
    const state = after(began, { type: 'events', events: [event(11), ...resolved] });
    expect(state.news).toHaveLength(5);
    expect(state.news.at(-1)?.seq).toBe(11);
  });

  it('of another database begin anew', () => {
    const state = after(began, { type: 'began', seq: 2 }, { type: 'events', events: [event(3)] });
    expect(state.seq).toBe(3);
    expect(state.news.map(({ seq }) => seq)).toEqual([3]);
  });

  it('that were seen change nothing', () => {
    const before = after(began, { type: 'events', events: [event(11)] });
    expect(reduce(before, { type: 'events', events: [event(10), event(11)] })).toBe(before);
  });

  it('come from the stream and from a poll, and count once', () => {
    const state = after(
      began,
      { type: 'events', events: [event(11)] },
      { type: 'events', events: [event(11), event(12)] },
    );
    expect(state.seq).toBe(12);
  });

  it('of which nobody is notified are no news', () => {
    const state = after(began, {
      type: 'events',
      events: [event(11), event(12, 'opened', false), event(13, 'acknowledged')],
    });
    expect(state.seq).toBe(13);
    expect(state.news.map(({ seq }) => seq)).toEqual([11]);
  });
});
