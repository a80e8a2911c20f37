import { Link, useLocation, useSearchParams } from 'wouter';
import type { Permission } from '../api/types';
import { useActiveIncidents } from '../incidents/useActiveIncidents';
import styles from './Navigation.module.css';
import { useMe } from './session';

const TABS: readonly { path: string; label: string; permission: Permission }[] = [
  { path: '/deliveries', label: 'Deliveries', permission: 'deliveries' },
  { path: '/incidents', label: 'Incidents', permission: 'incidents' },
  { path: '/insights', label: 'Insights', permission: 'insights' },
  { path: '/audit', label: 'Audit', permission: 'audit' },
];

export function Navigation() {
  const { permissions } = useMe();
  const [location] = useLocation();
  const [search] = useSearchParams();
  const active = useActiveIncidents();
  const source = search.get('source');
  const suffix = source ? `?${new URLSearchParams({ source }).toString()}` : '';

  return (
    <nav aria-label="Views">
      <ul className={styles.tabs}>
        {TABS.filter((tab) => permissions[tab.permission]).map(({ path, label }) => (
          <li key={path}>
            <Link
              href={path + suffix}
              className={styles.tab}
              aria-current={location.startsWith(path) ? 'page' : undefined}
            >
              {label}
              {path === '/incidents' && active && active.count > 0 && (
                <span className={styles.count}>
                  {active.label}
                  <span className="visually-hidden"> active</span>
                </span>
              )}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
