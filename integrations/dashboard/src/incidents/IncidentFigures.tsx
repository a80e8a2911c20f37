import type { Incident } from '../api/types';
import { formatCount, formatDecimal, formatMultiple, formatRate } from '../format/numbers';
import { Figure, Figures } from '../ui/Figure';

export function IncidentFigures({ incident }: { incident: Incident }) {
  return (
    <Figures label="Figures">
      <Figure
        label="Deliveries in 5 min"
        value={formatCount(incident.recent_count)}
        note={`usual ${formatDecimal(incident.usual_count)}`}
      />
      <Figure
        label="Failures in 5 min"
        value={formatCount(incident.recent_failures)}
        note={`usual ${formatRate(incident.usual_failure_ratio * 100)} of the settled`}
      />
      <Figure label="Peak failures in 5 min" value={formatCount(incident.peak_failures)} />
      <Figure label="Peak" value={formatMultiple(incident.peak_multiplier)} note="of what was expected" />
      <Figure
        label="Baseline, 1 h"
        value={formatCount(incident.baseline_count)}
        note={`${formatCount(incident.baseline_failures)} failed`}
      />
    </Figures>
  );
}
