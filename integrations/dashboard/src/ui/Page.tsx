import { useEffect, useRef, type ReactNode } from 'react';
import { useActiveIncidents } from '../incidents/useActiveIncidents';
import styles from './Page.module.css';

interface Props {
  title: string;
  /** Beside the title. */
  actions?: ReactNode;
  children: ReactNode;
}

export function Page({ title, actions, children }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);

  // After a click on a link the reader stands at the page's beginning, not where the link was. The first page is not
  // entered by a link.
  useEffect(() => {
    if (document.activeElement !== document.body) heading.current?.focus({ preventScroll: true });
  }, []);

  const active = useActiveIncidents()?.count ?? 0;
  useEffect(() => {
    document.title = `${active > 0 ? `(${active}) ` : ''}${title} · Command Center`;
  }, [active, title]);

  return (
    <div className={styles.page}>
      <div className={styles.header}>
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {actions && <div className={styles.actions}>{actions}</div>}
      </div>
      {children}
    </div>
  );
}
