import { lazy, Suspense, type ReactNode } from 'react';
import { Redirect, Route, Switch } from 'wouter';
import type { Permission } from '../api/types';
import { AuditPage } from '../audit/AuditPage';
import { DeliveriesPage } from '../deliveries/DeliveriesPage';
import { IncidentPage } from '../incidents/IncidentPage';
import { IncidentsPage } from '../incidents/IncidentsPage';
import { EmptyState } from '../ui/EmptyState';
import { Page } from '../ui/Page';
import { Skeleton } from '../ui/Skeleton';
import { useMay } from './session';

const InsightsPage = lazy(async () => ({ default: (await import('../insights/InsightsPage')).InsightsPage }));

export function Routes() {
  return (
    <Suspense fallback={<Skeleton height="40rem" label="Loading" />}>
      <Switch>
        <Route path="/">
          <Redirect to="/deliveries" replace />
        </Route>
        <Route path="/deliveries">
          <DeliveriesPage />
        </Route>
        <Route path="/incidents">
          <Only permission="incidents">
            <IncidentsPage />
          </Only>
        </Route>
        <Route path="/incidents/:id">
          {({ id }) => (
            <Only permission="incidents">
              <IncidentPage key={id} id={Number(id)} />
            </Only>
          )}
        </Route>
        <Route path="/insights">
          <Only permission="insights">
            <InsightsPage />
          </Only>
        </Route>
        <Route path="/audit">
          <Only permission="audit">
            <AuditPage />
          </Only>
        </Route>
        <Route>
          <NoSuchPage />
        </Route>
      </Switch>
    </Suspense>
  );
}

/** For others the page does not exist. */
function Only({ permission, children }: { permission: Permission; children: ReactNode }) {
  return useMay(permission) ? children : <NoSuchPage />;
}

function NoSuchPage() {
  return (
    <Page title="No such page">
      <EmptyState title="There is nothing at this address." />
    </Page>
  );
}
