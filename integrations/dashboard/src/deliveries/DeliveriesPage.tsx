import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useLocation, useSearchParams } from 'wouter';
import { deliveries as deliveriesQuery } from '../api/queries';
import type { Delivery } from '../api/types';
import { useMay } from '../app/session';
import { SourcePicker } from '../app/SourcePicker';
import { useSource } from '../app/useSource';
import { ReplayDialog } from '../replay/ReplayDialog';
import type { ReplayRequest } from '../replay/request';
import { Button } from '../ui/Button';
import { EmptyState } from '../ui/EmptyState';
import { Icon } from '../ui/Icon';
import { Page } from '../ui/Page';
import { ProblemNotice } from '../ui/ProblemNotice';
import { DeliveryFilters } from './DeliveryFilters';
import { DeliveryTable } from './DeliveryTable';
import { LoadMore } from '../ui/LoadMore';
import { ReplayBar } from './ReplayBar';
import { useSelection } from './useSelection';
import { deliveriesPath, EVERYTHING, filterOf, isFiltered, planFilterOf, readView, type DeliveryView } from './view';

const REFRESH_MS = 60_000;

export function DeliveriesPage() {
  const [search] = useSearchParams();
  const [, navigate] = useLocation();
  const { source, settled } = useSource();
  const mayReplay = useMay('replay');
  const view = readView(search);
  const address = deliveriesPath(view, source);
  const selection = useSelection(address);
  const [request, setRequest] = useState<ReplayRequest | null>(null);

  const query = useInfiniteQuery({
    ...deliveriesQuery(filterOf(view), source),
    enabled: settled,
    // Rows must not move under the hand that selects them.
    refetchInterval: ({ state }) => (selection.ids.size === 0 && state.data?.pages.length === 1 ? REFRESH_MS : false),
    refetchOnWindowFocus: false,
  });
  const rows = query.data?.pages.flatMap((page) => page.deliveries);
  const pathOf = (next: DeliveryView) => deliveriesPath(next, search.get('source') ?? undefined);

  return (
    <Page
      title="Deliveries"
      actions={
        <>
          <SourcePicker />
          <Button onClick={() => void query.refetch()}>
            <Icon name="refresh" />
            Refresh
          </Button>
        </>
      }
    >
      <DeliveryFilters
        view={view}
        onChange={(next) => navigate(pathOf(next))}
        tenants={distinct(rows, (row) => row.tenant_id)}
        endpoints={distinct(rows, (row) => row.endpoint)}
      />
      {query.error && <ProblemNotice error={query.error} onRetry={() => void query.refetch()} />}
      {mayReplay && (
        <ReplayBar
          selected={selection.ids.size}
          onClear={selection.clear}
          onReplaySelected={() =>
            setRequest({ of: 'selected', filter: { ids: [...selection.ids] }, count: selection.ids.size })
          }
          onReplayMatching={() => setRequest({ of: 'matching', filter: planFilterOf(view) })}
        />
      )}
      {(rows || !query.error) && (
        <DeliveryTable
          deliveries={rows}
          stale={query.isPlaceholderData}
          selection={mayReplay ? selection : null}
          hrefOf={(row) => pathOf({ ...view, tenant: row.tenant_id ?? '', endpoint: row.endpoint ?? '' })}
        />
      )}
      {rows?.length === 0 && (
        <EmptyState title="No deliveries here.">
          {isFiltered(view) && <Button onClick={() => navigate(pathOf(EVERYTHING))}>Clear filters</Button>}
        </EmptyState>
      )}
      {rows && <LoadMore shown={rows.length} noun="delivery" plural="deliveries" query={query} />}
      {request && (
        <ReplayDialog
          request={request}
          source={source}
          onClose={(replayed) => {
            setRequest(null);
            if (replayed) selection.clear();
          }}
        />
      )}
    </Page>
  );
}

function distinct(rows: readonly Delivery[] | undefined, of: (row: Delivery) => string | null): string[] {
  return [...new Set((rows ?? []).map(of).filter((value) => value !== null))].sort();
}
