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

/** Tells screen readers what has happened since the page was opened. */
export function Announcer() {
  const news = useLive()?.news;
  return (
    <div className="visually-hidden" role="status" aria-live="polite" data-testid="announcer">
      {news && `${SAID[news.event] ?? news.event}, ${news.severity}: ${withoutSigns(news.message)}`}
    </div>
  );
}
