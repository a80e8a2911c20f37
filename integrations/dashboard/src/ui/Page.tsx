import { useEffect, useRef, type ReactNode } from 'react';
import { useLocation, useSearch } from 'wouter';
import { useActiveIncidents } from '../incidents/useActiveIncidents';
import styles from './Page.module.css';

interface Props {
  title: string;
  /** Beside the title. */
  actions?: ReactNode;
  children: ReactNode;
}

/** The page's beginning, for whoever would lose their place otherwise. */
export const focusHeading = () => document.querySelector('h1')?.focus({ preventScroll: true });

// The address of the page that was entered last; the first page is not entered by a link.
let entered: string | null = null;

export function Page({ title, actions, children }: Props) {
  const page = useRef<HTMLDivElement>(null);
  const [path] = useLocation();
  const address = `${path}?${useSearch()}`;

  // After a click on a link the reader stands at the page's beginning, not where the link was or is. Who changes
  // something on the page, such as its filters, stays there.
  useEffect(() => {
    const isThere = page.current?.contains(document.activeElement);
    if (entered !== null && entered !== address && !isThere) focusHeading();
    entered = address;
  }, [address]);

  const active = useActiveIncidents();
  const count = active && active.count > 0 ? `(${active.label}) ` : '';
  useEffect(() => {
    document.title = `${count}${title} · Command Center`;
  }, [count, title]);

  return (
    <div className={styles.page} ref={page}>
      <div className={styles.header}>
        <h1 tabIndex={-1}>{title}</h1>
        {actions && <div className={styles.actions}>{actions}</div>}
      </div>
      {children}
    </div>
  );
}
