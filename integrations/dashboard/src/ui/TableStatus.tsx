import type { ReactNode, Ref } from 'react';

interface Props {
  /** How many rows there are; undefined while they are loading. */
  shown: number | undefined;
  /** What is said of them. */
  children: ReactNode;
  className?: string | undefined;
  ref?: Ref<HTMLSpanElement>;
}

/** Says below a table how many rows it has. That it is loading or empty can be seen, and is told to screen readers. */
export function TableStatus({ shown, children, className, ref }: Props) {
  return (
    <span role="status" tabIndex={-1} className={className} ref={ref}>
      {shown ? children : <span className="visually-hidden">{shown === 0 ? 'Nothing found' : 'Loading'}</span>}
    </span>
  );
}
