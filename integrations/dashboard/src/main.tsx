import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Problem } from './api/http';
import { App } from './app/App';
import { applyTheme, storedTheme } from './app/theme';
import './ui/tokens.css';
import './ui/base.css';

const RETRIES = 1;

const isPassing = (error: Error) => error instanceof Problem && [0, 502, 503, 504].includes(error.status);

const client = new QueryClient({
  defaultOptions: {
    queries: { staleTime: 10_000, retry: (failures, error) => failures < RETRIES && isPassing(error), retryDelay: 500 },
  },
});

applyTheme(storedTheme());

const root = document.getElementById('root');
if (!root) throw new Error('the page has no element "root"');
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
);
