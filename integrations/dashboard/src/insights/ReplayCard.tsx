import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { replayAdvice } from '../api/queries';
import type { Summary } from '../api/types';
import { deliveriesPath, EVERYTHING } from '../deliveries/view';
import { formatCount, formatRate } from '../format/numbers';
import { Card } from '../ui/Card';
import { ProblemNotice } from '../ui/ProblemNotice';
import { Skeleton } from '../ui/Skeleton';
import styles from './ReplayCard.module.css';

interface Props {
  summary: Summary;
  hours: number;
  source: string | undefined;
}

const COUNTED: Record<Summary['replay_stats']['counted_from'], string> = {
  replays: 'Deliveries that operators replayed',
  attempts: 'No operator replayed any: deliveries with more than one attempt',
};

export function ReplayCard({ summary, hours, source }: Props) {
  const { replay_stats: replays, triage_accuracy: accuracy } = summary;
  const advice = useQuery(replayAdvice(hours, source));
  const candidates = deliveriesPath(
    { ...EVERYTHING, status: ['failed', 'dead_letter'], triage: ['transient_endpoint_down', 'rate_limited'] },
    source,
  );
  return (
    <Card title="Replay performance">
      <dl className={styles.facts}>
        <Fact
          label={COUNTED[replays.counted_from]}
          value={formatCount(replays.total_replayed)}
          testId="total-replayed"
        />
        <Fact label="of those delivered" value={formatCount(replays.replay_successes)} testId="replay-successes" />
        <Fact label="Success rate" value={formatRate(replays.replay_success_rate)} testId="replay-success-rate" />
        <Fact
          label="Transient failures that succeed on retry"
          value={formatRate(accuracy.transient_retry_success_rate)}
          testId="transient-retry"
        />
      </dl>
      {advice.error && <ProblemNotice error={advice.error} onRetry={() => void advice.refetch()} />}
      {advice.isPending && <Skeleton height="4rem" label="Loading the advice" />}
      {advice.data && (
        <div className={styles.advice}>
          <p>
            <strong>Advice</strong> <span className={styles.confidence}>confidence {advice.data.confidence}</span>
          </p>
          <p>{advice.data.reasoning}</p>
          {advice.data.total_recommended > 0 && <Link href={candidates}>View the candidates</Link>}
        </div>
      )}
    </Card>
  );
}

function Fact({ label, value, testId }: { label: string; value: string; testId: string }) {
  return (
    <div className={styles.fact}>
      <dt>{label}</dt>
      <dd data-testid={testId}>{value}</dd>
    </div>
  );
}
