import type { ComparedFigure } from '../api/types';

const MOST = 4;

type Mover = ComparedFigure & { endpoint: string; impact: number };

const isMover = (row: ComparedFigure): row is Mover =>
  row.scope === 'endpoint' && row.endpoint !== null && row.impact !== null;

/** The endpoints that fail more, or less, than before, by how many deliveries that makes. */
export function moversOf(rows: readonly ComparedFigure[], direction: 'worse' | 'better'): Mover[] {
  return rows
    .filter(isMover)
    .filter((row) => row.direction === direction)
    .sort((a, b) => Math.abs(b.impact) - Math.abs(a.impact))
    .slice(0, MOST);
}
