import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import { PlanSummary } from './PlanSummary';
import type { ReplayRequest } from './request';

const textOf = (total: number, request: ReplayRequest, held = 0, refused = 0) =>
  renderToStaticMarkup(<PlanSummary plan={{ deliveries: [], total, held, refused }} request={request} />);
const selected = (count: number): ReplayRequest => ({ of: 'selected', filter: {}, count });

const OUT = 'not failed any more';
const CUT = 'These are the oldest 500; there may be more.';

describe('a plan', () => {
  it('says which of the selected stay out', () => {
    expect(textOf(3, selected(5))).toContain(`2 of the selected are ${OUT}`);
    expect(textOf(5, selected(5))).not.toContain(OUT);
  });

  it('tells what can be replayed from what is on hold or would be refused', () => {
    const text = textOf(9, { of: 'matching', filter: {} }, 2, 3);
    expect(text).toContain('4 deliveries can be replayed, 2 on hold.');
    expect(text).toContain('3 deliveries would be refused');
    expect(textOf(9, { of: 'matching', filter: {} })).not.toContain('refused');
  });

  it('is cut off at 500, which says nothing of the others', () => {
    expect(textOf(500, selected(507))).toContain(CUT);
    expect(textOf(500, selected(507))).not.toContain(OUT);
    expect(textOf(500, { of: 'matching', filter: {} })).toContain(CUT);
    expect(textOf(500, selected(500))).not.toContain(CUT);
  });

  it('of fewer is complete', () => {
    expect(textOf(499, selected(507))).toContain(`8 of the selected are ${OUT}`);
    expect(textOf(499, { of: 'matching', filter: {} })).not.toContain(CUT);
  });
});
