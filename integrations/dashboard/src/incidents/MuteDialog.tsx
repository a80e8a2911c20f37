import { useState } from 'react';
import { api } from '../api/client';
import type { Incident } from '../api/types';
import { ChooseOne } from '../ui/Choice';
import { TextField } from '../ui/Field';
import { ActionDialog } from './ActionDialog';
import { durationOptions, endOf, type Duration } from './durations';

const OPTIONS = durationOptions('Until I end it');

/** A mute without tenant or endpoint is one of all of them. */
function whatIsMuted({ endpoint, tenant_id, source }: Incident): string {
  const endpoints = endpoint === null ? 'all incidents' : `incidents of ${endpoint}`;
  const tenants = tenant_id === null ? 'of any tenant' : `of tenant ${tenant_id}`;
  return `Nobody is notified of ${endpoints}, ${tenants}, in the source ${source}. They are recorded nevertheless.`;
}

export function MuteDialog({ incident, onClose }: { incident: Incident; onClose: () => void }) {
  const [duration, setDuration] = useState<Duration>('1h');
  const [reason, setReason] = useState('');
  const { tenant_id: tenant, endpoint, source } = incident;
  return (
    <ActionDialog
      title={`Mute what incident #${incident.id} is about`}
      verb="Mute"
      act={() => api.mute({ tenant, endpoint, source, ends_at: endOf(duration), reason: reason.trim() || null })}
      onClose={onClose}
    >
      <p>{whatIsMuted(incident)}</p>
      <ChooseOne legend="For" options={OPTIONS} value={duration} onChange={setDuration} />
      <TextField label="Reason" value={reason} onChange={(event) => setReason(event.target.value)} />
    </ActionDialog>
  );
}
