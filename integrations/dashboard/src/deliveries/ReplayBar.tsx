import { formatCount } from '../format/numbers';
import { Button } from '../ui/Button';
import styles from './ReplayBar.module.css';

interface Props {
  selected: number;
  onClear: () => void;
  onReplaySelected: () => void;
  onReplayMatching: () => void;
}

export function ReplayBar({ selected, onClear, onReplaySelected, onReplayMatching }: Props) {
  return (
    <div className={styles.bar} role="group" aria-label="Replay">
      <span className={styles.count} role="status">
        {formatCount(selected)} selected
      </span>
      <Button kind="quiet" unavailable={selected === 0} onClick={onClear}>
        Clear selection
      </Button>
      <div className={styles.actions}>
        <Button kind="primary" unavailable={selected === 0} onClick={onReplaySelected}>
          Replay selected…
        </Button>
        <Button onClick={onReplayMatching}>Replay all that match…</Button>
      </div>
    </div>
  );
}
