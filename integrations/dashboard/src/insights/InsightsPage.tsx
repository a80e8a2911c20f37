import { useQuery } from '@tanstack/react-query';
import { useSearchParams } from 'wouter';
import { compare, summary } from '../api/queries';
import { SourcePicker } from '../app/SourcePicker';
import { useSource } from '../app/useSource';
import { ChooseOne } from '../ui/Choice';
import { Page } from '../ui/Page';
import { ProblemNotice } from '../ui/ProblemNotice';
import { Skeleton } from '../ui/Skeleton';
import { FailingTable } from './FailingTable';
import styles from './InsightsPage.module.css';
import { KeyFigures } from './KeyFigures';
import { MoversCard } from './MoversCard';
import { PERIOD_OPTIONS, readPeriod, SPAN } from './period';
import { ReplayCard } from './ReplayCard';
import { TrendsCard } from './TrendsCard';
import { TriageCard } from './TriageCard';

export function InsightsPage() {
  const [search, setSearch] = useSearchParams();
  const period = readPeriod(search);
  const { source, settled } = useSource();
  const { hours } = SPAN[period];
  const figures = useQuery({ ...summary(hours, source), enabled: settled });
  const comparison = useQuery({ ...compare(hours, source), enabled: settled });

  return (
    <Page title="Insights" actions={<SourcePicker />}>
      <ChooseOne
        legend="Period"
        options={PERIOD_OPTIONS}
        value={period}
        onChange={(next) =>
          setSearch((previous) => {
            const changed = new URLSearchParams(previous);
            changed.set('period', next);
            return changed;
          })
        }
      />
      {figures.error && <ProblemNotice error={figures.error} onRetry={() => void figures.refetch()} />}
      {comparison.error && <ProblemNotice error={comparison.error} onRetry={() => void comparison.refetch()} />}
      {figures.isPending && <Skeleton height="6rem" label="Loading the key figures" />}
      {figures.data && <KeyFigures summary={figures.data} comparison={comparison.data?.rows ?? []} />}
      <TrendsCard period={period} source={source} enabled={settled} />
      {figures.isPending && <Skeleton height="24rem" label="Loading the insights" />}
      {figures.data && (
        <div className={styles.cards} aria-busy={figures.isPlaceholderData}>
          <div className={styles.column}>
            <FailingTable
              title="Top failing endpoints"
              of="Endpoint"
              rows={figures.data.top_failing_endpoints.map((row) => ({ ...row, name: row.endpoint }))}
              linkTo={(endpoint) => ({ endpoint })}
              source={source}
            />
            <TriageCard distribution={figures.data.triage_distribution} />
            <MoversCard rows={comparison.data?.rows ?? []} />
          </div>
          <div className={styles.column}>
            <FailingTable
              title="Top failing tenants"
              of="Tenant"
              rows={figures.data.top_failing_tenants.map((row) => ({ ...row, name: row.tenant_id }))}
              linkTo={(tenant) => ({ tenant })}
              source={source}
            />
            <ReplayCard summary={figures.data} hours={hours} source={source} />
          </div>
        </div>
      )}
    </Page>
  );
}
