import type { ReplayPlan } from '../api/types';
import { formatCount, formatNoun } from '../format/numbers';
import { MOST_AT_ONCE, type ReplayRequest } from './request';
import styles from './Replay.module.css';

export function PlanSummary({ plan, request }: { plan: ReplayPlan; request: ReplayRequest }) {
  const full = plan.total === MOST_AT_ONCE;
  const selected = request.of === 'selected' ? request.count : null;
  // Of a plan that is full nobody knows which of the others have failed.
  const missing = selected === null || full ? 0 : selected - plan.total;
  const cut = full && (selected === null || selected > MOST_AT_ONCE);
  return (
    <div data-testid="plan-summary">
      <p className={styles.lead}>
        {plan.total === 0
          ? 'There is nothing to replay: none of these has failed.'
          : `${formatNoun(plan.total - plan.held - plan.refused, 'delivery', 'deliveries')} can be replayed, ${formatCount(plan.held)} on hold.`}
      </p>
      <p className={styles.muted}>Nothing has been changed yet.</p>
      {plan.refused > 0 && (
        <p className={styles.muted}>
          {formatNoun(plan.refused, 'delivery', 'deliveries')} would be refused, for the reason given below.
        </p>
      )}
      {missing > 0 && plan.total > 0 && (
        <p className={styles.muted}>{formatCount(missing)} of the selected are not failed any more and stay out.</p>
      )}
      {cut && (
        <p className={styles.muted}>These are the oldest {formatCount(MOST_AT_ONCE)}; there may be more.</p>
      )}
    </div>
  );
}
