import { renderToStaticMarkup } from 'react-dom/server';
import { expect, it } from 'vitest';
import type { ComparedFigure } from '../api/types';
import { MoversCard } from './MoversCard';

const QUERY = { data: undefined, error: null, isPending: false, isPlaceholderData: false, refetch: async () => null! };
const NOBODY = 'No endpoint with enough deliveries';

const textOf = (query: object) => renderToStaticMarkup(<MoversCard query={{ ...QUERY, ...query }} />);

const row: ComparedFigure = {
  scope: 'endpoint',
  endpoint: 'https://a.example',
  figure: 'failure_rate',
  current_value: 50,
  previous_value: 10,
  change: 40,
  impact: 40,
  direction: 'worse',
};

it('says that there are none only when that is known', () => {
  expect(textOf({ data: { rows: [] } })).toContain(NOBODY);
  expect(textOf({ isPending: true })).toContain('Loading the comparison');
  expect(textOf({ isPending: true })).not.toContain(NOBODY);
  expect(textOf({ error: new Error('the database is away') })).toContain('the database is away');
  expect(textOf({ error: new Error('the database is away') })).not.toContain(NOBODY);
});

it('shows the old rows as such while the next are loading', () => {
  expect(textOf({ data: { rows: [row] } })).toContain('https://a.example');
  expect(textOf({ data: { rows: [row] } })).not.toContain('aria-busy="true"');
  expect(textOf({ data: { rows: [row] }, isPlaceholderData: true })).toContain('aria-busy="true"');
});
