import type { IncidentListing } from '../api/types';

export const LISTINGS: readonly { value: IncidentListing; label: string }[] = [
  { value: 'active', label: 'Active' },
  { value: 'open', label: 'Open' },
  { value: 'acknowledged', label: 'Acknowledged' },
  { value: 'resolved', label: 'Resolved' },
  { value: 'all', label: 'All' },
];

export const readListing = (search: URLSearchParams): IncidentListing =>
  LISTINGS.find(({ value }) => value === search.get('status'))?.value ?? 'active';
