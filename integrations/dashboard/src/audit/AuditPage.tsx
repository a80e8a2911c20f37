import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useSearchParams } from 'wouter';
import { audit, AUDIT_LIMIT } from '../api/queries';
import { ExactFilter } from '../ui/ExactFilter';
import { formatCount, formatNoun } from '../format/numbers';
import { ChooseOne } from '../ui/Choice';
import { EmptyState } from '../ui/EmptyState';
import { Page } from '../ui/Page';
import { ProblemNotice } from '../ui/ProblemNotice';
import styles from './AuditPage.module.css';
import { AuditStatsCard } from './AuditStatsCard';
import { AuditTable } from './AuditTable';
import { ChainCard } from './ChainCard';
import { AUDIT_RANGE_OPTIONS, auditSearch, readAuditView, sinceOf, type AuditView } from './view';

export function AuditPage() {
  const [search, setSearch] = useSearchParams();
  const view = readAuditView(search);
  const since = useMemo(() => sinceOf(view.range), [view.range]);
  const query = useQuery(audit({ actor: view.actor || undefined, action: view.action || undefined, since }));
  const records = query.data?.records;
  const change = (part: Partial<AuditView>) => setSearch(auditSearch({ ...view, ...part }));

  return (
    <Page title="Audit">
      <section className={styles.filters} aria-label="Filters">
        <ExactFilter
          label="Actor"
          value={view.actor}
          known={distinct(records, 'actor')}
          onChange={(actor) => change({ actor })}
        />
        <ExactFilter
          label="Action"
          value={view.action}
          known={distinct(records, 'action')}
          onChange={(action) => change({ action })}
        />
        <ChooseOne
          legend="Time"
          options={AUDIT_RANGE_OPTIONS}
          value={view.range}
          onChange={(range) => change({ range })}
        />
      </section>
      {query.error && <ProblemNotice error={query.error} onRetry={() => void query.refetch()} />}
      {(records || !query.error) && <AuditTable records={records} stale={query.isPlaceholderData} />}
      {records?.length === 0 && <EmptyState title="Nothing is recorded here." />}
      {records && records.length > 0 && (
        <p className={styles.count} role="status">
          {records.length === AUDIT_LIMIT
            ? `The newest ${formatCount(AUDIT_LIMIT)} records`
            : formatNoun(records.length, 'record')}
        </p>
      )}
      <div className={styles.cards}>
        <ChainCard />
        <AuditStatsCard since={since} />
      </div>
    </Page>
  );
}

function distinct<K extends string>(records: readonly Record<K, string>[] | undefined, key: K): string[] {
  return [...new Set((records ?? []).map((record) => record[key]))].sort();
}
