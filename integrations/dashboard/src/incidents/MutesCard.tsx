import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useRef } from 'react';
import { api } from '../api/client';
import { keys, mutes } from '../api/queries';
import { Card } from '../ui/Card';
import { ProblemNotice } from '../ui/ProblemNotice';
import { Skeleton } from '../ui/Skeleton';
import { MuteLine } from './MuteLine';
import styles from './MutesCard.module.css';

export function MutesCard() {
  const client = useQueryClient();
  const query = useQuery(mutes);
  const list = useRef<HTMLDivElement>(null);
  const unmute = useMutation({
    mutationFn: api.unmute,
    onSuccess: () => {
      // The line goes, and its button with it.
      list.current?.focus();
      void client.invalidateQueries({ queryKey: keys.mutes });
      void client.invalidateQueries({ queryKey: keys.incidents });
    },
  });

  return (
    <Card title="Mutes" note="Muted incidents are recorded; nobody is notified.">
      {query.error && <ProblemNotice error={query.error} onRetry={() => void query.refetch()} />}
      {unmute.error && <ProblemNotice error={unmute.error} />}
      {query.isPending && <Skeleton height="2.5rem" label="Loading" />}
      <div ref={list} role="group" aria-label="Mutes in force" tabIndex={-1}>
        {query.data?.mutes.length === 0 && <p className={styles.none}>Nothing is muted.</p>}
        {query.data && query.data.mutes.length > 0 && (
          <ul className={styles.mutes}>
            {query.data.mutes.map((mute) => (
              <MuteLine key={mute.id} mute={mute} onUnmute={() => unmute.mutate(mute.id)} />
            ))}
          </ul>
        )}
      </div>
    </Card>
  );
}
