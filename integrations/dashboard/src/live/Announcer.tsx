import type { EventName } from '../api/types';
import { withoutSigns } from '../format/text';
import { useLive } from './LiveProvider';

const SAID: Partial<Record<EventName, string>> = {
  opened: 'New incident',
  reopened: 'Incident reopened',
  escalated: 'Incident escalated',
  flapping: 'Incident keeps coming back',
  unmuted: 'Incident is not muted any more',
  resolved: 'Incident resolved',
};

/** Tells screen readers what has happened since the page was opened. Of a log they read what is added, all of it. */
export function Announcer() {
  const news = useLive()?.news ?? [];
  return (
    <div className="visually-hidden" role="log" aria-label="News of incidents" data-testid="announcer">
      {news.map((event) => (
        <p key={event.seq}>
          {`${SAID[event.event] ?? event.event}, ${event.severity}: ${withoutSigns(event.message)}`}
        </p>
      ))}
    </div>
  );
}
