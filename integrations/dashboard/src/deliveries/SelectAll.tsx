import type { Selection } from './useSelection';

export function SelectAll({ ids, selection }: { ids: readonly string[]; selection: Selection }) {
  const selected = ids.filter((id) => selection.ids.has(id)).length;
  const all = ids.length > 0 && selected === ids.length;
  return (
    <input
      type="checkbox"
      aria-label="Select all failed deliveries on this page"
      checked={all}
      disabled={ids.length === 0 || selection.locked}
      ref={(element) => {
        if (element) element.indeterminate = selected > 0 && !all;
      }}
      onChange={() => selection.toggleAll(ids)}
    />
  );
}
