import { useEffect, useRef } from 'react';
import uPlot, { type AlignedData } from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { ChartOptions } from './chartOptions';

interface Props {
  options: ChartOptions;
  data: AlignedData;
}

/** A chart as wide as its place. Other options make another chart, other data do not. */
export function Plot({ options, data }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(data);

  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const made = new uPlot({ ...options, width: element.clientWidth }, latest.current, element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: options.height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [options]);

  useEffect(() => {
    latest.current = data;
    plot.current?.setData(data);
  }, [data]);

  return <div ref={place} style={{ minHeight: options.height, minWidth: 0 }} />;
}
