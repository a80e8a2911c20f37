import { useState } from 'react';
import { api } from '../api/client';
import type { Incident } from '../api/types';
import { ChooseOne } from '../ui/Choice';
import { TextArea } from '../ui/Field';
import { ActionDialog } from './ActionDialog';
import { durationOptions, endOf, type Duration } from './durations';

const OPTIONS = durationOptions('Until it ends');

export function AcknowledgeDialog({ incident, onClose }: { incident: Incident; onClose: () => void }) {
  const [note, setNote] = useState('');
  const [duration, setDuration] = useState<Duration>('open');
  return (
    <ActionDialog
      title={`Acknowledge incident #${incident.id}`}
      verb="Acknowledge"
      act={() => api.acknowledge(incident.id, { note: note.trim() || null, until: endOf(duration) })}
      onClose={onClose}
    >
      <p>You look after it. It is open again if the time runs out first.</p>
      <ChooseOne legend="For" options={OPTIONS} value={duration} onChange={setDuration} />
      <TextArea label="Note" value={note} onChange={(event) => setNote(event.target.value)} />
    </ActionDialog>
  );
}
