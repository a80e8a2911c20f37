import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { incident as incidentQuery } from '../api/queries';
import { withoutSigns } from '../format/text';
import { Page } from '../ui/Page';
import { ProblemNotice } from '../ui/ProblemNotice';
import { Skeleton } from '../ui/Skeleton';
import { IncidentActions } from './IncidentActions';
import { IncidentBadges, SeverityBadge } from './IncidentBadges';
import { IncidentFacts } from './IncidentFacts';
import { IncidentFigures } from './IncidentFigures';
import styles from './IncidentPage.module.css';
import { Timeline } from './Timeline';
import { kindsOf, placeOf } from './wording';

export function IncidentPage({ id }: { id: number }) {
  const query = useQuery(incidentQuery(id));
  const detail = query.data;
  const title = `Incident #${id}`;

  return (
    <Page title={title} actions={detail && <IncidentActions incident={detail.incident} />}>
      <nav aria-label="Back" className={styles.back}>
        <Link href="/incidents">All incidents</Link>
      </nav>
      {query.error && <ProblemNotice error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && <Skeleton height="28rem" label="Loading the incident" />}
      {detail && (
        <>
          <section className={styles.what} aria-label="What is wrong">
            <div className={styles.badges}>
              <SeverityBadge severity={detail.incident.severity} />
              <IncidentBadges incident={detail.incident} />
            </div>
            <p className={styles.place}>
              {kindsOf(detail.incident)}: {placeOf(detail.incident)}
            </p>
            <p className={styles.message}>{withoutSigns(detail.incident.message)}</p>
          </section>
          <IncidentFigures incident={detail.incident} />
          <div className={styles.columns}>
            <Timeline events={detail.events} />
            <IncidentFacts incident={detail.incident} />
          </div>
        </>
      )}
    </Page>
  );
}
