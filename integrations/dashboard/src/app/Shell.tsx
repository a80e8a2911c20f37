import { useLocation } from 'wouter';
import { IncidentBanner } from '../incidents/IncidentBanner';
import { Announcer } from '../live/Announcer';
import { ErrorBoundary } from '../ui/ErrorBoundary';
import { Header } from './Header';
import { Routes } from './Routes';
import { useMay } from './session';
import styles from './Shell.module.css';

export function Shell() {
  const incidents = useMay('incidents');
  const [path] = useLocation();
  return (
    <>
      <a className={styles.skip} href="#main">
        Skip to the content
      </a>
      <Header />
      {incidents && <IncidentBanner />}
      <main id="main" className={styles.main} tabIndex={-1}>
        <ErrorBoundary key={path}>
          <Routes />
        </ErrorBoundary>
      </main>
      {incidents && <Announcer />}
    </>
  );
}
