import { describe, expect, it, vi } from 'vitest';
import type { Delivery } from '../api/types';
import { selectionOf, visible } from './useSelection';

const row = (delivery_id: string, status_class: Delivery['status_class'] = 'failed') =>
  ({ delivery_id, status_class }) as Delivery;

describe('what is selected', () => {
  const ticked = new Set(['a', 'b', 'c']);

  it('is on the page, and has still failed', () => {
    expect(visible(ticked, [row('a'), row('b', 'delivered'), row('d')])).toEqual(new Set(['a']));
    expect(visible(ticked, undefined)).toEqual(new Set());
  });

  it('is what the next tick adds to', () => {
    const tick = vi.fn();
    const selection = selectionOf([ticked, tick], [row('a'), row('d')], false);
    selection.toggle('d');
    expect(tick).toHaveBeenLastCalledWith(['a', 'd']);
    selection.toggle('a');
    expect(tick).toHaveBeenLastCalledWith([]);
  });
});
