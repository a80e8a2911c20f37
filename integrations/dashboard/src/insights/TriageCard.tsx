import type { TriageLabel } from '../api/types';
import { TriageBadge } from '../deliveries/TriageBadge';
import { TRIAGE } from '../deliveries/wording';
import { formatCount, formatNoun, formatRate } from '../format/numbers';
import { Card } from '../ui/Card';
import styles from './TriageCard.module.css';

const LABELLED: readonly TriageLabel[] = ['transient_endpoint_down', 'permanent_4xx', 'rate_limited', 'unknown'];

export function TriageCard({ distribution }: { distribution: Record<TriageLabel, number> }) {
  const labelled = LABELLED.reduce((sum, label) => sum + distribution[label], 0);
  return (
    <Card title="Triage" note={`${formatNoun(distribution.unclassified, 'delivery', 'deliveries')} without a label`}>
      {labelled === 0 ? (
        <p className={styles.none}>Nothing to triage.</p>
      ) : (
        <table className={styles.table}>
          <caption className="visually-hidden">
            Deliveries by triage label, and their share of those with a label
          </caption>
          <thead className="visually-hidden">
            <tr>
              <th scope="col">Label</th>
              <th scope="col">Share</th>
              <th scope="col">Deliveries</th>
            </tr>
          </thead>
          <tbody>
            {LABELLED.map((label) => {
              const share = (100 * distribution[label]) / labelled;
              return (
                <tr key={label} data-label={label}>
                  <th scope="row">
                    <TriageBadge label={label} />
                  </th>
                  <td className={styles.share}>
                    <span className={styles.track}>
                      <span className={styles.bar} data-tone={TRIAGE[label].tone} style={{ width: `${share}%` }} />
                    </span>
                    {formatRate(share)}
                  </td>
                  <td className={styles.count}>{formatCount(distribution[label])}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
    </Card>
  );
}
