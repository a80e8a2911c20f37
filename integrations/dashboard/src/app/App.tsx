import { useQuery } from '@tanstack/react-query';
import { me } from '../api/queries';
import { isRefused } from '../api/refused';
import { LiveProvider } from '../live/LiveProvider';
import { ProblemNotice } from '../ui/ProblemNotice';
import { Skeleton } from '../ui/Skeleton';
import styles from './App.module.css';
import { SessionProvider } from './session';
import { Shell } from './Shell';

export function App() {
  const { data, error, refetch } = useQuery(me);
  // Who was somebody may be nobody by now.
  if (data && !isRefused(error)) {
    return (
      <SessionProvider value={data}>
        {data.permissions.incidents ? (
          <LiveProvider>
            <Shell />
          </LiveProvider>
        ) : (
          <Shell />
        )}
      </SessionProvider>
    );
  }
  return (
    <main className={styles.alone}>
      <h1>Command Center</h1>
      {error ? (
        <ProblemNotice error={error} onRetry={() => void refetch()} />
      ) : (
        <Skeleton height="6rem" label="Loading" />
      )}
    </main>
  );
}
