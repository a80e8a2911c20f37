import type { Mute } from '../api/types';
import { formatAbsolute } from '../format/times';
import { Badge } from '../ui/Badge';
import { Button } from '../ui/Button';
import styles from './MutesCard.module.css';
import { scheduleOf, targetOf } from './mute';

export function MuteLine({ mute, onUnmute }: { mute: Mute; onUnmute: () => void }) {
  const who = mute.actor ?? mute.created_by;
  const until = mute.ends_at ? `until ${formatAbsolute(mute.ends_at)}` : 'until it is ended';
  return (
    <li className={styles.mute} data-mute={mute.id}>
      <div className={styles.what}>
        {targetOf(mute)} {!mute.applies && <Badge tone="grey">Not now</Badge>}
        <p className={styles.how}>{[until, scheduleOf(mute), `by ${who}`, mute.reason].filter(Boolean).join(' · ')}</p>
      </div>
      <Button aria-label={`Unmute ${targetOf(mute)}`} onClick={onUnmute}>
        Unmute
      </Button>
    </li>
  );
}
