import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../api/client';
import type { ReplayPlan } from '../api/types';
import { formatNoun } from '../format/numbers';
import { Button } from '../ui/Button';
import { Checkbox } from '../ui/Field';
import { Modal, ModalBody, ModalFooter } from '../ui/Modal';
import { ProblemNotice } from '../ui/ProblemNotice';
import { Skeleton } from '../ui/Skeleton';
import { PlanSummary } from './PlanSummary';
import { PlanTable } from './PlanTable';
import { ReplayResults } from './ReplayResults';
import { MOST_AT_ONCE, type ReplayRequest } from './request';
import { useReplay } from './useReplay';

interface Props {
  request: ReplayRequest;
  source: string | undefined;
  onClose: (replayed: boolean) => void;
}

/** A dry run first; then the confirmation; then what came of it. */
export function ReplayDialog({ request, source, onClose }: Props) {
  const [force, setForce] = useState(false);
  const replay = useReplay(source);
  const plan = useQuery({
    queryKey: ['replay plan', source, request],
    queryFn: (context) => api.planReplay({ filter: request.filter, max_rows: MOST_AT_ONCE, source }, context),
    // It is of this moment, and must not change while somebody reads it.
    staleTime: Infinity,
    gcTime: 0,
    refetchOnReconnect: false,
  });
  const close = () => onClose(replay.isSuccess);

  if (replay.data) {
    return (
      <Modal key="results" title="Replay: results" onClose={close} wide>
        <ModalBody>
          <ReplayResults answer={replay.data} />
        </ModalBody>
        <ModalFooter>
          <Button kind="primary" onClick={close}>
            Close
          </Button>
        </ModalFooter>
      </Modal>
    );
  }

  const ids = plan.data ? idsOf(plan.data, force) : [];
  return (
    <Modal key="plan" title="Replay: dry run" onClose={close} busy={replay.isPending} wide>
      <ModalBody>
        {plan.error && <ProblemNotice error={plan.error} onRetry={() => void plan.refetch()} />}
        {plan.isPending && <Skeleton height="12rem" label="Looking at what a replay would do" />}
        {plan.data && (
          <>
            <PlanSummary plan={plan.data} request={request} />
            {plan.data.total > 0 && <PlanTable deliveries={plan.data.deliveries} />}
          </>
        )}
        {plan.data && plan.data.held > 0 && (
          <Checkbox
            label={`Force: also replay the ${formatNoun(plan.data.held, 'delivery', 'deliveries')} on hold`}
            help="Their endpoint is failing now, so that they will probably fail again."
            checked={force}
            onChange={(event) => setForce(event.target.checked)}
          />
        )}
        {replay.error && <ProblemNotice error={replay.error} />}
      </ModalBody>
      <ModalFooter>
        <Button unavailable={replay.isPending} onClick={close}>
          Cancel
        </Button>
        <Button
          kind="primary"
          unavailable={ids.length === 0 || replay.isPending}
          onClick={() => replay.mutate({ ids, force })}
        >
          {replay.isPending ? 'Replaying…' : `Replay ${formatNoun(ids.length, 'delivery', 'deliveries')}`}
        </Button>
      </ModalFooter>
    </Modal>
  );
}

const idsOf = ({ deliveries }: ReplayPlan, force: boolean) =>
  deliveries
    .filter((each) => each.outcome === 'replay' || (force && each.outcome === 'hold'))
    .map((each) => each.delivery_id);
