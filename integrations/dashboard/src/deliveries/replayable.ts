import type { Delivery, StatusClass } from '../api/types';

export const FAILED = ['failed', 'dead_letter'] as const satisfies StatusClass[];

export const replayable = ({ status_class }: Delivery) => FAILED.some((status) => status === status_class);
