import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { keys } from '../api/queries';
import { Button } from '../ui/Button';
import { Modal, ModalBody, ModalFooter } from '../ui/Modal';
import { ProblemNotice } from '../ui/ProblemNotice';
import styles from './ActionDialog.module.css';

interface Props {
  title: string;
  verb: string;
  /** Sends it. */
  act: () => Promise<unknown>;
  onClose: () => void;
  children: ReactNode;
}

/** A form for what an operator does to an incident. Stays open with the problem if it did not work. */
export function ActionDialog({ title, verb, act, onClose, children }: Props) {
  const client = useQueryClient();
  const action = useMutation({
    mutationFn: act,
    onSuccess: async () => {
      await Promise.all([
        client.invalidateQueries({ queryKey: keys.incidents }),
        client.invalidateQueries({ queryKey: keys.mutes }),
      ]);
      onClose();
    },
  });

  return (
    <Modal title={title} onClose={onClose} busy={action.isPending}>
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          if (!action.isPending) action.mutate();
        }}
      >
        <ModalBody>
          {children}
          {action.error && <ProblemNotice error={action.error} />}
        </ModalBody>
        <ModalFooter>
          <Button unavailable={action.isPending} onClick={onClose}>
            Cancel
          </Button>
          <Button kind="primary" type="submit" unavailable={action.isPending}>
            {verb}
          </Button>
        </ModalFooter>
      </form>
    </Modal>
  );
}
