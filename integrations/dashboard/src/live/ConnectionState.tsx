import { useLive } from './LiveProvider';
import { connectionOf, type Connection } from './reducer';
import styles from './ConnectionState.module.css';

const TEXT: Record<Connection, { label: string; meaning: string }> = {
  connecting: { label: 'Connecting', meaning: 'Connecting to the stream of events' },
  live: { label: 'Live', meaning: 'Events arrive as they happen' },
  polling: { label: 'Polling', meaning: 'The stream is down: asking every few seconds instead' },
  offline: { label: 'Offline', meaning: 'The service cannot be reached: what you see may be old' },
};

export function ConnectionState() {
  const live = useLive();
  if (!live) return null;
  const connection = connectionOf(live);
  const { label, meaning } = TEXT[connection];
  return (
    <span
      className={styles.state}
      data-state={connection}
      title={meaning}
      role="status"
      aria-label={`${label}: ${meaning}`}
    >
      <span className={styles.dot} aria-hidden="true" />
      {label}
    </span>
  );
}
