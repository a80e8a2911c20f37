import { useInfiniteQuery } from '@tanstack/react-query';
import { useSearchParams } from 'wouter';
import { incidentList } from '../api/queries';
import { useSetSearchParam } from '../app/useSetSearchParam';
import { ChooseOne } from '../ui/Choice';
import { EmptyState } from '../ui/EmptyState';
import { LoadMore } from '../ui/LoadMore';
import { Page } from '../ui/Page';
import { ProblemNotice } from '../ui/ProblemNotice';
import { DetectionCard } from './DetectionCard';
import styles from './IncidentsPage.module.css';
import { IncidentTable } from './IncidentTable';
import { MutesCard } from './MutesCard';
import { LISTINGS, readListing } from './view';

export function IncidentsPage() {
  const [search] = useSearchParams();
  const setListing = useSetSearchParam('status');
  const listing = readListing(search);
  const query = useInfiniteQuery(incidentList(listing));
  const incidents = query.data?.pages.flatMap((page) => page.incidents);

  return (
    <Page title="Incidents">
      <ChooseOne legend="Status" options={LISTINGS} value={listing} onChange={setListing} />
      {query.error && <ProblemNotice error={query.error} onRetry={() => void query.refetch()} />}
      {(incidents || !query.error) && <IncidentTable incidents={incidents} stale={query.isPlaceholderData} />}
      {incidents?.length === 0 && (
        <EmptyState title={listing === 'active' ? 'No active incidents.' : 'No incidents of this status.'} />
      )}
      {(incidents || !query.error) && <LoadMore shown={incidents?.length} noun="incident" query={query} />}
      <div className={styles.cards}>
        <DetectionCard />
        <MutesCard />
      </div>
    </Page>
  );
}
