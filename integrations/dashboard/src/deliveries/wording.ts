import type { StatusClass, TriageLabel } from '../api/types';
import type { Tone } from '../ui/Badge';
import type { Range } from './view';

interface Word {
  label: string;
  tone: Tone;
}

export const STATUS: Record<StatusClass, Word> = {
  delivered: { label: 'Delivered', tone: 'green' },
  failed: { label: 'Failed', tone: 'red' },
  dead_letter: { label: 'Dead letter', tone: 'red' },
  pending: { label: 'Pending', tone: 'grey' },
};

export const TRIAGE: Record<TriageLabel, Word> = {
  transient_endpoint_down: { label: 'Transient', tone: 'green' },
  permanent_4xx: { label: 'Permanent', tone: 'red' },
  rate_limited: { label: 'Rate limited', tone: 'amber' },
  unknown: { label: 'Unknown', tone: 'grey' },
  unclassified: { label: 'Unclassified', tone: 'grey' },
};

export const RANGE: Record<Range, string> = { '15m': '15 min', '1h': '1 h', '24h': '24 h', '7d': '7 d', all: 'All' };

export const isTriageLabel = (label: string): label is TriageLabel => label in TRIAGE;
