import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useLocation, useSearchParams } from 'wouter';
import { deliveries as deliveriesQuery } from '../api/queries';
import type { DeliveryPage } from '../api/types';
import { useMay } from '../app/session';
import { SourcePicker } from '../app/SourcePicker';
import { useSource } from '../app/useSource';
import { distinct } from '../format/distinct';
import { ReplayDialog } from '../replay/ReplayDialog';
import type { ReplayRequest } from '../replay/request';
import { Button } from '../ui/Button';
import { EmptyState } from '../ui/EmptyState';
import { LoadMore } from '../ui/LoadMore';
import { focusHeading, Page } from '../ui/Page';
import { ProblemNotice } from '../ui/ProblemNotice';
import { Refresh } from '../ui/Refresh';
import { DeliveryFilters } from './DeliveryFilters';
import { DeliveryTable } from './DeliveryTable';
import { ReplayBar } from './ReplayBar';
import { selectionOf, useTicked, visible } from './useSelection';
import {
  alike,
  deliveriesPath,
  EVERYTHING,
  filterOf,
  isFiltered,
  planFilterOf,
  readView,
  type DeliveryView,
} from './view';

const REFRESH_MS = 60_000;

export function DeliveriesPage() {
  const [search] = useSearchParams();
  const [, navigate] = useLocation();
  const { source, settled } = useSource();
  const mayReplay = useMay('replay');
  const view = readView(search);
  const ticked = useTicked(deliveriesPath(view, source));
  const [request, setRequest] = useState<ReplayRequest | null>(null);

  const query = useInfiniteQuery({
    ...deliveriesQuery(filterOf(view), source),
    enabled: settled,
    // Rows must not move under the hand that selects them.
    refetchInterval: ({ state }) =>
      state.data?.pages.length === 1 && visible(ticked[0], rowsOf(state.data)).size === 0 ? REFRESH_MS : false,
    refetchOnWindowFocus: false,
  });
  const rows = rowsOf(query.data);
  const selection = selectionOf(ticked, rows, query.isPlaceholderData);
  const pathOf = (next: DeliveryView) => deliveriesPath(next, search.get('source') ?? undefined);

  return (
    <Page
      title="Deliveries"
      actions={
        <>
          <SourcePicker />
          <Refresh query={query} />
        </>
      }
    >
      <DeliveryFilters
        view={view}
        onChange={(next) => navigate(pathOf(next))}
        tenants={distinct((rows ?? []).map((row) => row.tenant_id))}
        endpoints={distinct((rows ?? []).map((row) => row.endpoint))}
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
          hrefOf={(row) => {
            const next = alike(view, row);
            return next && pathOf(next);
          }}
        />
      )}
      {rows?.length === 0 && (
        <EmptyState title="No deliveries here.">
          {isFiltered(view) && (
            <Button
              onClick={() => {
                navigate(pathOf(EVERYTHING));
                // The button goes with the state.
                focusHeading();
              }}
            >
              Clear filters
            </Button>
          )}
        </EmptyState>
      )}
      {(rows || !query.error) && (
        <LoadMore shown={rows?.length} noun="delivery" plural="deliveries" query={query} />
      )}
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

const rowsOf = (data: { pages: DeliveryPage[] } | undefined) => data?.pages.flatMap((page) => page.deliveries);
