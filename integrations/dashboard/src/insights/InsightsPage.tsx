import { useQuery } from '@tanstack/react-query';
import { useSearchParams } from 'wouter';
import { compare, summary } from '../api/queries';
import { SourcePicker } from '../app/SourcePicker';
import { useSetSearchParam } from '../app/useSetSearchParam';
import { useSource } from '../app/useSource';
import { ChooseOne } from '../ui/Choice';
import { Page } from '../ui/Page';
import { ProblemNotice } from '../ui/ProblemNotice';
import { Skeleton } from '../ui/Skeleton';
import { FailingTable } from './FailingTable';
import styles from './InsightsPage.module.css';
import { KeyFigures } from './KeyFigures';
import { MoversCard } from './MoversCard';
import { HOURS, PERIOD_OPTIONS, readPeriod } from './period';
import { ReplayCard } from './ReplayCard';
import { TrendsCard } from './TrendsCard';
import { TriageCard } from './TriageCard';

export function InsightsPage() {
  const [search] = useSearchParams();
  const setPeriod = useSetSearchParam('period');
  const period = readPeriod(search);
  const { source, settled } = useSource();
  const hours = HOURS[period];
  const figures = useQuery({ ...summary(hours, source), enabled: settled });
  const stale = figures.isPlaceholderData;
  // Each is a scan of the same deliveries: the key figures do not wait for the others' share of the processors.
  const next = settled && !figures.isPending && !stale;
  const comparison = useQuery({ ...compare(hours, source), enabled: next });
  // The two come one after the other: figures of one period do not stand beside those before another.
  const compared = stale || comparison.isPlaceholderData ? undefined : comparison.data?.rows;

  return (
    <Page title="Insights" actions={<SourcePicker />}>
      <ChooseOne legend="Period" options={PERIOD_OPTIONS} value={period} onChange={setPeriod} />
      {figures.error && <ProblemNotice error={figures.error} onRetry={() => void figures.refetch()} />}
      {figures.isPending && <Skeleton height="6rem" label="Loading the key figures" />}
      {figures.data && (
        <div aria-busy={stale} data-testid="key-figures">
          <KeyFigures summary={figures.data} comparison={compared ?? []} />
        </div>
      )}
      <TrendsCard period={period} source={source} enabled={next} />
      {figures.isPending && <Skeleton height="24rem" label="Loading the insights" />}
      {figures.data && (
        <div className={styles.cards}>
          <div className={styles.column} aria-busy={stale}>
            <FailingTable
              title="Top failing endpoints"
              of="Endpoint"
              rows={figures.data.top_failing_endpoints.map((row) => ({ ...row, name: row.endpoint }))}
              linkTo={(endpoint) => ({ endpoint })}
              period={period}
              source={source}
            />
            <TriageCard distribution={figures.data.triage_distribution} />
            <MoversCard query={comparison} />
          </div>
          <div className={styles.column} aria-busy={stale}>
            <FailingTable
              title="Top failing tenants"
              of="Tenant"
              rows={figures.data.top_failing_tenants.map((row) => ({ ...row, name: row.tenant_id }))}
              linkTo={(tenant) => ({ tenant })}
              period={period}
              source={source}
            />
            <ReplayCard summary={figures.data} period={period} source={source} />
          </div>
        </div>
      )}
    </Page>
  );
}
