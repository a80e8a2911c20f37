import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useRef } from 'react';
import { api } from '../api/client';
import { keys } from '../api/queries';
import { newIdempotencyKey } from './key';

interface Confirmed {
  ids: string[];
  force: boolean;
}

/** What is confirmed gets a key of its own; trying the same again keeps it, so that nothing is replayed twice. */
export function useReplay(source: string | undefined) {
  const client = useQueryClient();
  const confirmation = useRef<{ request: string; key: string } | null>(null);

  return useMutation({
    mutationFn: (confirmed: Confirmed) => {
      const request = JSON.stringify(confirmed);
      if (confirmation.current?.request !== request) confirmation.current = { request, key: newIdempotencyKey() };
      return api.replay({ ...confirmed, source }, confirmation.current.key);
    },
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: keys.deliveries });
      void client.invalidateQueries({ queryKey: keys.audit });
    },
  });
}
