import { useInfiniteQuery } from '@tanstack/react-query';
import { useSearchParams } from 'wouter';
import { incidentList } from '../api/queries';
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
  const [search, setSearch] = useSearchParams();
  const listing = readListing(search);
  const query = useInfiniteQuery(incidentList(listing));
  const incidents = query.data?.pages.flatMap((page) => page.incidents);

  return (
    <Page title="Incidents">
      <ChooseOne
        legend="Status"
        options={LISTINGS}
        value={listing}
        onChange={(status) =>
          setSearch((previous) => {
            const next = new URLSearchParams(previous);
            next.set('status', status);
            return next;
          })
        }
      />
      {query.error && <ProblemNotice error={query.error} onRetry={() => void query.refetch()} />}
      {(incidents || !query.error) && <IncidentTable incidents={incidents} stale={query.isPlaceholderData} />}
      {incidents?.length === 0 && (
        <EmptyState title={listing === 'active' ? 'No active incidents.' : 'No incidents of this status.'} />
      )}
      {incidents && <LoadMore shown={incidents.length} noun="incident" query={query} />}
      <div className={styles.cards}>
        <DetectionCard />
        <MutesCard />
      </div>
    </Page>
  );
}
