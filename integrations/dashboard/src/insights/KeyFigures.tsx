import type { ComparedFigure, Summary } from '../api/types';
import { formatCount, formatDecimal, formatRate } from '../format/numbers';
import { formatDuration } from '../format/times';
import { Figure, Figures } from '../ui/Figure';
import { Change } from './Change';

interface Props {
  summary: Summary;
  comparison: readonly ComparedFigure[];
}

export function KeyFigures({ summary, comparison }: Props) {
  const { delivery_stats: stats, retry_stats: retries, backlog } = summary;
  const was = (figure: string) => comparison.find((row) => row.scope === 'total' && row.figure === figure);
  return (
    <Figures label="Key figures">
      <Figure
        label="Deliveries"
        testId="total"
        value={formatCount(stats.total)}
        note={<Change figure={was('total')} format={formatCount} />}
      />
      <Figure
        label="Success rate"
        testId="success-rate"
        value={formatRate(summary.settled_success_rate)}
        note={<Change figure={was('success_rate')} format={formatRate} good="up" />}
      />
      <Figure
        label="Failed"
        testId="failed"
        value={formatCount(stats.failed)}
        note={<Change figure={was('failed')} format={formatCount} good="down" />}
      />
      <Figure
        label="Dead letters"
        testId="dead-letter"
        value={formatCount(stats.dead_letter)}
        note={<Change figure={was('dead_letter')} format={formatCount} good="down" />}
      />
      <Figure
        label="Pending"
        testId="pending"
        value={formatCount(backlog.pending)}
        note={
          backlog.oldest_pending_seconds === null
            ? 'none waits'
            : `oldest ${formatDuration(backlog.oldest_pending_seconds)}`
        }
      />
      <Figure
        label="First attempt succeeds"
        testId="first-attempt"
        value={formatRate(retries.first_attempt_success_rate)}
        note={`${formatDecimal(retries.mean_attempts)} attempts on average`}
      />
    </Figures>
  );
}
