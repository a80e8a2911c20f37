import { lazy, Suspense } from 'react';
import type { Interval, Trends } from '../api/types';
import { formatCount, formatNoun, formatRate } from '../format/numbers';
import { ErrorBoundary } from '../ui/ErrorBoundary';
import { Skeleton } from '../ui/Skeleton';

const TrendsChart = lazy(async () => ({ default: (await import('./TrendsChart')).TrendsChart }));
const HEIGHT = '20.5rem';

export const ChartSkeleton = () => <Skeleton height={HEIGHT} label="Loading the trends" />;

export function ChartFigure({ trends }: { trends: Trends }) {
  return (
    <ErrorBoundary>
      <figure aria-label={summaryOf(trends.intervals)} role="img" style={{ minHeight: HEIGHT }}>
        <Suspense fallback={<ChartSkeleton />}>
          <TrendsChart trends={trends} />
        </Suspense>
      </figure>
    </ErrorBoundary>
  );
}

/** The chart in a sentence. */
function summaryOf(intervals: readonly Interval[]): string {
  const total = intervals.reduce((sum, each) => sum + each.total_deliveries, 0);
  const failures = intervals.reduce((sum, each) => sum + each.failures, 0);
  const rates = intervals.map((each) => each.settled_success_rate).filter((rate) => rate !== null);
  if (total === 0) return 'Chart of the trends: no deliveries';
  const counts = `${formatNoun(total, 'delivery', 'deliveries')}, ${formatCount(failures)} of them failed`;
  if (rates.length === 0) return `Chart of the trends: ${counts}; none has settled`;
  const span = `${formatRate(Math.min(...rates))} and ${formatRate(Math.max(...rates))}`;
  return `Chart of the trends: ${counts}; success rate between ${span}`;
}
