import type { EventName, IncidentEvent } from '../api/types';
import { formatMultiple, formatNoun } from '../format/numbers';
import type { Tone } from '../ui/Badge';
import { Moment } from '../ui/Moment';
import styles from './Timeline.module.css';

const EVENT: Record<EventName, { label: string; tone: Tone }> = {
  opened: { label: 'Opened', tone: 'red' },
  escalated: { label: 'Escalated', tone: 'red' },
  acknowledged: { label: 'Acknowledged', tone: 'accent' },
  ack_expired: { label: 'Acknowledgement expired', tone: 'amber' },
  reopened: { label: 'Reopened', tone: 'red' },
  flapping: { label: 'Keeps coming back', tone: 'amber' },
  resolved: { label: 'Resolved', tone: 'green' },
  muted: { label: 'Muted', tone: 'grey' },
  unmuted: { label: 'Not muted any more', tone: 'grey' },
};

export function TimelineEntry({ event }: { event: IncidentEvent }) {
  const { label, tone } = EVENT[event.event];
  const figures = [
    `${formatNoun(event.recent_failures, 'failure')} of ${formatNoun(event.recent_count, 'delivery', 'deliveries')} in 5 min`,
    event.peak_multiplier !== null && `peak ${formatMultiple(event.peak_multiplier)}`,
    !event.notified && 'nobody was notified',
  ].filter((part) => part !== false);
  return (
    <li className={styles.entry} data-tone={tone} data-event={event.event}>
      <div className={styles.head}>
        <strong>{label}</strong>
        <span className={styles.muted}>{event.severity}</span>
        {event.resolve_reason && <span className={styles.muted}>{event.resolve_reason}</span>}
        {event.false_positive && <span className={styles.muted}>false positive</span>}
        <span className={styles.when}>
          {event.actor ?? event.by_user} · <Moment iso={event.at} />
        </span>
      </div>
      {event.note && <p className={styles.note}>{event.note}</p>}
      <p className={styles.muted}>{figures.join(' · ')}</p>
    </li>
  );
}
