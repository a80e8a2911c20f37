import { useState } from 'react';
import { api } from '../api/client';
import type { Incident } from '../api/types';
import { Checkbox, TextArea } from '../ui/Field';
import { ActionDialog } from './ActionDialog';

export function ResolveDialog({ incident, onClose }: { incident: Incident; onClose: () => void }) {
  const [note, setNote] = useState('');
  const [falsePositive, setFalsePositive] = useState(false);
  return (
    <ActionDialog
      title={`Resolve incident #${incident.id}`}
      verb="Resolve"
      act={() => api.resolve(incident.id, { note: note.trim() || null, false_positive: falsePositive })}
      onClose={onClose}
    >
      <p>It ends now. If it still breaches, it stays resolved until it has been calm once.</p>
      <TextArea label="Note" value={note} onChange={(event) => setNote(event.target.value)} />
      <Checkbox
        label="It was a false positive"
        help="There was nothing wrong in the first place."
        checked={falsePositive}
        onChange={(event) => setFalsePositive(event.target.checked)}
      />
    </ActionDialog>
  );
}
