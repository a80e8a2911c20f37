import type { Incident } from '../api/types';
import { Card } from '../ui/Card';
import { Fact, Facts } from '../ui/Facts';
import { Moment } from '../ui/Moment';
import { RelativeTime } from '../ui/RelativeTime';
import { Lasting } from './Lasting';

export function IncidentFacts({ incident }: { incident: Incident }) {
  return (
    <Card title="Facts">
      <Facts aligned>
        <Fact label="Tenant">{incident.tenant_id ?? '–'}</Fact>
        <Fact label="Source">{incident.source}</Fact>
        <Fact label="Began">
          <Moment iso={incident.detected_at} />
        </Fact>
        <Fact label="Duration">
          <Lasting incident={incident} />
        </Fact>
        <Fact label="Seen last">
          <RelativeTime iso={incident.last_seen_at} />
        </Fact>
        {incident.calm_since && (
          <Fact label="Calm since">
            <RelativeTime iso={incident.calm_since} />
          </Fact>
        )}
        {incident.acknowledged_by && incident.acknowledged_at && (
          <Fact label="Acknowledged">
            by {incident.acknowledged_by} <RelativeTime iso={incident.acknowledged_at} />
            {incident.ack_until && (
              <>
                , expires <RelativeTime iso={incident.ack_until} />
              </>
            )}
          </Fact>
        )}
        {incident.resolved_at && (
          <Fact label="Resolved">
            <Moment iso={incident.resolved_at} />, {incident.resolve_reason}
            {incident.resolved_by && ` (${incident.resolved_by})`}
          </Fact>
        )}
        {incident.reopen_count > 0 && <Fact label="Came back">{incident.reopen_count} times</Fact>}
        {incident.note && <Fact label="Note">{incident.note}</Fact>}
      </Facts>
    </Card>
  );
}
