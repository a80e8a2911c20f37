import { useQuery } from '@tanstack/react-query';
import { useMemo, useRef, useState } from 'react';
import { useSearchParams } from 'wouter';
import { audit, AUDIT_LIMIT, AUDIT_STEP } from '../api/queries';
import { distinct } from '../format/distinct';
import { formatCount, formatNoun } from '../format/numbers';
import { Button } from '../ui/Button';
import { ChooseOne } from '../ui/Choice';
import { EmptyState } from '../ui/EmptyState';
import { ExactFilter } from '../ui/ExactFilter';
import { Page } from '../ui/Page';
import { ProblemNotice } from '../ui/ProblemNotice';
import { Refresh } from '../ui/Refresh';
import { TableStatus } from '../ui/TableStatus';
import styles from './AuditPage.module.css';
import { AuditStatsCard } from './AuditStatsCard';
import { AuditTable } from './AuditTable';
import { ChainCard } from './ChainCard';
import { AUDIT_RANGE_OPTIONS, auditSearch, readAuditView, sinceOf, type AuditView } from './view';

export function AuditPage() {
  const [search, setSearch] = useSearchParams();
  const view = readAuditView(search);
  const since = useMemo(() => sinceOf(view.range), [view.range]);
  const [limit, setLimit] = useState(AUDIT_STEP);
  const status = useRef<HTMLSpanElement>(null);
  const query = useQuery(audit({ actor: view.actor || undefined, action: view.action || undefined, since }, limit));
  const records = query.data?.records;
  const full = records?.length === limit;
  const showMore = () => {
    setLimit(AUDIT_LIMIT);
    // The button goes.
    status.current?.focus();
  };
  const change = (part: Partial<AuditView>) => setSearch(auditSearch({ ...view, ...part }));

  return (
    <Page title="Audit" actions={<Refresh query={query} />}>
      <section className={styles.filters} aria-label="Filters">
        <ExactFilter
          label="Actor"
          value={view.actor}
          known={distinct((records ?? []).map((record) => record.actor))}
          onChange={(actor) => change({ actor })}
        />
        <ExactFilter
          label="Action"
          value={view.action}
          known={distinct((records ?? []).map((record) => record.action))}
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
      <div className={styles.more}>
        {(records || !query.error) && (
          <TableStatus ref={status} shown={query.isPlaceholderData ? undefined : records?.length}>
            {full ? `The newest ${formatCount(limit)} records` : formatNoun(records?.length ?? 0, 'record')}
          </TableStatus>
        )}
        {full && limit < AUDIT_LIMIT && (
          <Button onClick={showMore}>Show the newest {formatCount(AUDIT_LIMIT)}</Button>
        )}
      </div>
      <div className={styles.cards}>
        <ChainCard />
        <AuditStatsCard since={since} />
      </div>
    </Page>
  );
}
