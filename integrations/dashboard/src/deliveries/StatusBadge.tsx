import type { StatusClass } from '../api/types';
import { Badge } from '../ui/Badge';
import { STATUS } from './wording';

/** A status that the source does not map is shown as it is. */
export function StatusBadge({ status, raw }: { status: StatusClass | null; raw: string | null }) {
  if (status === null) return <Badge tone="grey">{raw ?? 'None'}</Badge>;
  const { label, tone } = STATUS[status];
  return (
    <Badge tone={tone} title={raw ?? undefined}>
      {label}
    </Badge>
  );
}
