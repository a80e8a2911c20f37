import { useState } from 'react';
import type { Incident } from '../api/types';
import { affectedBy, deliveriesPath } from '../deliveries/view';
import { Button } from '../ui/Button';
import { ButtonLink } from '../ui/ButtonLink';
import { AcknowledgeDialog } from './AcknowledgeDialog';
import { MuteDialog } from './MuteDialog';
import { ResolveDialog } from './ResolveDialog';

type Open = 'acknowledge' | 'resolve' | 'mute' | null;

export function IncidentActions({ incident }: { incident: Incident }) {
  const [open, setOpen] = useState<Open>(null);
  const close = () => setOpen(null);
  const over = incident.status === 'resolved';
  return (
    <>
      <ButtonLink href={deliveriesPath(affectedBy(incident), incident.source)}>View its deliveries</ButtonLink>
      <Button onClick={() => setOpen('mute')}>Mute…</Button>
      <Button unavailable={over} onClick={() => setOpen('resolve')}>
        Resolve…
      </Button>
      <Button kind="primary" unavailable={over} onClick={() => setOpen('acknowledge')}>
        {incident.status === 'acknowledged' ? 'Acknowledge again…' : 'Acknowledge…'}
      </Button>
      {open === 'acknowledge' && <AcknowledgeDialog incident={incident} onClose={close} />}
      {open === 'resolve' && <ResolveDialog incident={incident} onClose={close} />}
      {open === 'mute' && <MuteDialog incident={incident} onClose={close} />}
    </>
  );
}
