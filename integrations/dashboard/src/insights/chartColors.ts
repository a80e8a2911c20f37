export interface ChartColors {
  total: string;
  failures: string;
  rate: string;
  grid: string;
  text: string;
}

/** A canvas knows no custom properties: an element has to say what they come to in the theme that is in force. */
export function readColors(): ChartColors {
  const probe = document.createElement('span');
  probe.hidden = true;
  document.body.append(probe);
  const read = (property: string) => {
    probe.style.color = `var(${property})`;
    return getComputedStyle(probe).color;
  };
  const colors = {
    total: read('--chart-total'),
    failures: read('--chart-failures'),
    rate: read('--chart-rate'),
    grid: read('--chart-grid'),
    text: read('--text-muted'),
  };
  probe.remove();
  return colors;
}
