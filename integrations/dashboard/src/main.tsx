import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Problem } from './api/http';
import { me } from './api/queries';
import { refusedAnywhere } from './api/refused';
import { App } from './app/App';
import { applyTheme, storedTheme } from './app/theme';
import { ErrorBoundary } from './ui/ErrorBoundary';
import './ui/tokens.css';
import './ui/base.css';

const RETRIES = 1;

const isPassing = (error: Error) => error instanceof Problem && [0, 502, 503, 504].includes(error.status);

const refused = (error: Error) => refusedAnywhere(client)(error);

const client: QueryClient = new QueryClient({
  // That "who is this" is refused needs no further question.
  queryCache: new QueryCache({ onError: (error, query) => query.queryKey[0] !== me.queryKey[0] && refused(error) }),
  mutationCache: new MutationCache({ onError: refused }),
  defaultOptions: {
    queries: { staleTime: 10_000, retry: (failures, error) => failures < RETRIES && isPassing(error), retryDelay: 500 },
  },
});

applyTheme(storedTheme());

const root = document.getElementById('root');
if (!root) throw new Error('the page has no element "root"');
createRoot(root).render(
  <StrictMode>
    <ErrorBoundary>
      <QueryClientProvider client={client}>
        <App />
      </QueryClientProvider>
    </ErrorBoundary>
  </StrictMode>,
);
