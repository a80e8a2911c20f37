import { Link } from 'wouter';
import { affectedBy, deliveriesPath } from '../deliveries/view';
import { withoutSigns } from '../format/text';
import { ButtonLink } from '../ui/ButtonLink';
import { Icon } from '../ui/Icon';
import styles from './IncidentBanner.module.css';
import { urgencyOf } from './ranking';
import { useActiveIncidents } from './useActiveIncidents';

export function IncidentBanner() {
  const active = useActiveIncidents();
  const gravest = active?.incidents[0];
  if (!active || !gravest) return null;

  const urgency = urgencyOf(active.incidents);
  const title = `${active.label} Active ${active.count === 1 ? 'Incident' : 'Incidents'}`;
  return (
    <section
      className={styles.banner}
      data-urgency={urgency}
      aria-label="Active incidents"
      data-testid="incident-banner"
    >
      <Icon name={urgency === 'quiet' ? 'check' : 'alert'} />
      <p className={styles.text}>
        <strong className={styles.title}>{title}</strong>
        {urgency === 'quiet' && <span className={styles.quiet}>all acknowledged or muted</span>}
        <Link href={`/incidents/${gravest.id}`} className={styles.message}>
          {withoutSigns(gravest.message)}
        </Link>
      </p>
      <ButtonLink href={deliveriesPath(affectedBy(gravest), gravest.source)}>View affected deliveries</ButtonLink>
    </section>
  );
}
