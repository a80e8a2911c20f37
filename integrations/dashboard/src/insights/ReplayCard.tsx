import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { replayAdvice } from '../api/queries';
import type { Summary } from '../api/types';
import { FAILED } from '../deliveries/replayable';
import { deliveriesPath, EVERYTHING } from '../deliveries/view';
import { formatCount, formatRate } from '../format/numbers';
import { Card } from '../ui/Card';
import { Fact, Facts } from '../ui/Facts';
import { ProblemNotice } from '../ui/ProblemNotice';
import { Skeleton } from '../ui/Skeleton';
import { HOURS, type Period } from './period';
import styles from './ReplayCard.module.css';

interface Props {
  summary: Summary;
  period: Period;
  source: string | undefined;
}

const COUNTED: Record<Summary['replay_stats']['counted_from'], string> = {
  replays: 'Deliveries that operators replayed',
  attempts: 'No operator replayed any: deliveries with more than one attempt',
};

export function ReplayCard({ summary, period, source }: Props) {
  const { replay_stats: replays, triage_accuracy: accuracy } = summary;
  const advice = useQuery(replayAdvice(HOURS[period], source));
  const candidates = deliveriesPath(
    { ...EVERYTHING, status: [...FAILED], triage: ['transient_endpoint_down', 'rate_limited'], range: period },
    source,
  );
  return (
    <Card title="Replay performance">
      <Facts>
        <Fact label={COUNTED[replays.counted_from]} testId="total-replayed">
          {formatCount(replays.total_replayed)}
        </Fact>
        <Fact label="of those delivered" testId="replay-successes">
          {formatCount(replays.replay_successes)}
        </Fact>
        <Fact label="Success rate" testId="replay-success-rate">
          {formatRate(replays.replay_success_rate)}
        </Fact>
        <Fact label="Transient failures that succeed on retry" testId="transient-retry">
          {formatRate(accuracy.transient_retry_success_rate)}
        </Fact>
      </Facts>
      {advice.error && <ProblemNotice error={advice.error} onRetry={() => void advice.refetch()} />}
      {advice.isPending && <Skeleton height="4rem" label="Loading the advice" />}
      {advice.data && (
        <div className={styles.advice} aria-busy={advice.isPlaceholderData} data-testid="advice">
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
