import type { ComponentProps } from 'react';
import styles from './Button.module.css';

interface Props extends Omit<ComponentProps<'button'>, 'disabled'> {
  kind?: 'primary' | 'secondary' | 'quiet';
  /** Stays focusable, so that nobody loses their place. */
  unavailable?: boolean | undefined;
}

export function Button({ kind = 'secondary', unavailable = false, onClick, className, ...rest }: Props) {
  return (
    <button
      type="button"
      {...rest}
      className={`${styles.button} ${className ?? ''}`}
      data-kind={kind}
      aria-disabled={unavailable || undefined}
      onClick={(event) => {
        if (unavailable) event.preventDefault();
        else onClick?.(event);
      }}
    />
  );
}
