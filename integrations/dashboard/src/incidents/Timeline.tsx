import type { IncidentEvent } from '../api/types';
import { Card } from '../ui/Card';
import { formatNoun } from '../format/numbers';
import styles from './Timeline.module.css';
import { TimelineEntry } from './TimelineEntry';

/** What happened, the latest first. */
export function Timeline({ events }: { events: readonly IncidentEvent[] }) {
  return (
    <Card title="Timeline" note={formatNoun(events.length, 'event')}>
      <ol className={styles.timeline} data-testid="timeline">
        {[...events].reverse().map((event) => (
          <TimelineEntry key={event.seq} event={event} />
        ))}
      </ol>
    </Card>
  );
}
