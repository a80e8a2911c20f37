import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { trends } from '../api/queries';
import type { Interval } from '../api/types';
import { formatCount, formatNoun, formatRate } from '../format/numbers';
import { Button } from '../ui/Button';
import { Card } from '../ui/Card';
import { ProblemNotice } from '../ui/ProblemNotice';
import { Skeleton } from '../ui/Skeleton';
import { SPAN, type Period } from './period';
import styles from './TrendsCard.module.css';
import { TrendsTable } from './TrendsTable';

const TrendsChart = lazy(async () => ({ default: (await import('./TrendsChart')).TrendsChart }));
const CHART_HEIGHT = '20.5rem';

interface Props {
  period: Period;
  source: string | undefined;
  enabled: boolean;
}

export function TrendsCard({ period, source, enabled }: Props) {
  const [table, setTable] = useState(false);
  const { chartHours, intervalHours, chartTitle } = SPAN[period];
  const query = useQuery({ ...trends(chartHours, intervalHours, source), enabled });
  const data = query.data;
  const loading = <Skeleton height={CHART_HEIGHT} label="Loading the trends" />;

  return (
    <Card
      title="Trends"
      note={
        <span className={styles.note}>
          {chartTitle}
          <Button kind="quiet" aria-pressed={table} onClick={() => setTable(!table)}>
            Show as table
          </Button>
        </span>
      }
    >
      {query.error && <ProblemNotice error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && loading}
      {data && table && <TrendsTable intervals={data.intervals} />}
      {data && !table && (
        <figure aria-label={summaryOf(data.intervals)} role="img" style={{ minHeight: CHART_HEIGHT }}>
          <Suspense fallback={loading}>
            <TrendsChart trends={data} />
          </Suspense>
        </figure>
      )}
    </Card>
  );
}

/** The chart in a sentence. */
function summaryOf(intervals: readonly Interval[]): string {
  const total = intervals.reduce((sum, each) => sum + each.total_deliveries, 0);
  const failures = intervals.reduce((sum, each) => sum + each.failures, 0);
  const rates = intervals.filter((each) => each.total_deliveries > 0).map((each) => each.success_rate);
  if (rates.length === 0) return 'Chart of the trends: no deliveries';
  return (
    `Chart of the trends: ${formatNoun(total, 'delivery', 'deliveries')}, ${formatCount(failures)} of them failed; ` +
    `success rate between ${formatRate(Math.min(...rates))} and ${formatRate(Math.max(...rates))}`
  );
}
