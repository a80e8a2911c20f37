import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { trends } from '../api/queries';
import { Button } from '../ui/Button';
import { Card } from '../ui/Card';
import { ProblemNotice } from '../ui/ProblemNotice';
import { ChartFigure, ChartSkeleton } from './ChartFigure';
import { chartTitle } from './chartTitle';
import { CHART, HOURS, type Period } from './period';
import styles from './TrendsCard.module.css';
import { TrendsTable } from './TrendsTable';

interface Props {
  period: Period;
  source: string | undefined;
  enabled: boolean;
}

export function TrendsCard({ period, source, enabled }: Props) {
  const [table, setTable] = useState(false);
  const { hours, intervalHours } = CHART[period];
  const query = useQuery({ ...trends(hours, intervalHours, source), enabled });
  const data = query.data;

  return (
    <Card
      title="Trends"
      note={
        <span className={styles.note}>
          {data && chartTitle(data)}
          <Button kind="quiet" aria-pressed={table} onClick={() => setTable(!table)}>
            Show as table
          </Button>
        </span>
      }
    >
      {query.error && <ProblemNotice error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && <ChartSkeleton />}
      {data && !query.isPlaceholderData && hours > HOURS[period] && (
        <p className={styles.wider}>
          This covers the last {data.total_hours} hours, more than the period above: its intervals are at least an hour
          long.
        </p>
      )}
      {data && (
        <div aria-busy={query.isPlaceholderData}>
          {table ? <TrendsTable intervals={data.intervals} /> : <ChartFigure trends={data} />}
        </div>
      )}
    </Card>
  );
}
