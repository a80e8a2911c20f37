import type { ComparedFigure } from '../api/types';
import styles from './Change.module.css';

interface Props {
  figure: ComparedFigure | undefined;
  format: (value: number | null) => string;
  /** Which direction is good news; without it neither is. */
  good?: 'up' | 'down';
}

/** Against the period before. The arrow is for the eye, the figure before says it all. */
export function Change({ figure, format, good }: Props) {
  if (!figure || figure.change === null) return null;
  const direction = Math.sign(figure.change) === 0 ? 'same' : figure.change > 0 ? 'up' : 'down';
  const news = direction === 'same' || !good ? 'neutral' : direction === good ? 'good' : 'bad';
  return (
    <span className={styles.change} data-news={news}>
      <span aria-hidden="true">{{ up: '▲', down: '▼', same: '=' }[direction]}</span> before:{' '}
      {format(figure.previous_value)}
    </span>
  );
}
