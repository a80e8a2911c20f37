import { Button } from '../ui/Button';
import { ChooseOne, ChooseSome } from '../ui/Choice';
import { ExactFilter } from '../ui/ExactFilter';
import styles from './DeliveryFilters.module.css';
import { EVERYTHING, isFiltered, LABELS, RANGES, STATUSES, type DeliveryView } from './view';
import { RANGE, STATUS, TRIAGE } from './wording';

const statusOptions = STATUSES.map((value) => ({ value, label: STATUS[value].label }));
const triageOptions = LABELS.map((value) => ({ value, label: TRIAGE[value].label }));
const rangeOptions = RANGES.map((value) => ({ value, label: RANGE[value] }));

interface Props {
  view: DeliveryView;
  onChange: (view: DeliveryView) => void;
  /** To choose from: those on the page. */
  tenants: readonly string[];
  endpoints: readonly string[];
}

export function DeliveryFilters({ view, onChange, tenants, endpoints }: Props) {
  const change = (part: Partial<DeliveryView>) => onChange({ ...view, ...part });
  return (
    <section className={styles.filters} aria-label="Filters">
      <ExactFilter label="Tenant" value={view.tenant} known={tenants} onChange={(tenant) => change({ tenant })} />
      <ExactFilter
        label="Endpoint"
        value={view.endpoint}
        known={endpoints}
        onChange={(endpoint) => change({ endpoint })}
        wide
      />
      <ChooseOne legend="Time" options={rangeOptions} value={view.range} onChange={(range) => change({ range })} />
      <ChooseSome
        legend="Status"
        options={statusOptions}
        value={view.status}
        onChange={(status) => change({ status })}
      />
      <ChooseSome
        legend="Triage"
        options={triageOptions}
        value={view.triage}
        onChange={(triage) => change({ triage })}
      />
      <Button kind="quiet" unavailable={!isFiltered(view)} onClick={() => onChange(EVERYTHING)}>
        Clear filters
      </Button>
    </section>
  );
}
