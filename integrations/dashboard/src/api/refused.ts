import type { QueryClient } from '@tanstack/react-query';
import { Problem } from './http';
import { me } from './queries';

/** Who asks is nobody, or somebody who may not. */
export const isRefused = (error: Error | null): boolean =>
  error instanceof Problem && (error.status === 401 || error.status === 403);

/** A session can end, and roles can change, while the page is open: whichever request notices, who this is is asked
 * anew. */
export const refusedAnywhere = (client: QueryClient) => (error: unknown) => {
  if (error instanceof Error && isRefused(error)) void client.invalidateQueries(me);
};
