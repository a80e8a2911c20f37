import type { Delivery } from '../api/types';

export const replayable = ({ status_class }: Delivery) => status_class === 'failed' || status_class === 'dead_letter';
