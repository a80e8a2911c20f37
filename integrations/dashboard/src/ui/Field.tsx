import { useId, type ComponentProps, type ReactNode } from 'react';
import styles from './Field.module.css';

interface Labelled {
  label: string;
  help?: string;
}

function Labelled({ id, label, help, children }: Labelled & { id: string; children: ReactNode }) {
  return (
    <div className={styles.field}>
      <label htmlFor={id} className={styles.label}>
        {label}
      </label>
      {children}
      {help && (
        <p id={`${id}-help`} className={styles.help}>
          {help}
        </p>
      )}
    </div>
  );
}

export function TextField({ label, help, ...rest }: Labelled & ComponentProps<'input'>) {
  const id = useId();
  return (
    <Labelled id={id} label={label} {...(help ? { help } : {})}>
      <input {...rest} id={id} className={styles.input} aria-describedby={help && `${id}-help`} />
    </Labelled>
  );
}

export function TextArea({ label, help, ...rest }: Labelled & ComponentProps<'textarea'>) {
  const id = useId();
  return (
    <Labelled id={id} label={label} {...(help ? { help } : {})}>
      <textarea rows={3} {...rest} id={id} className={styles.input} aria-describedby={help && `${id}-help`} />
    </Labelled>
  );
}

export function Checkbox({ label, help, ...rest }: Labelled & ComponentProps<'input'>) {
  const id = useId();
  return (
    <div className={styles.checkbox}>
      <input {...rest} type="checkbox" id={id} aria-describedby={help && `${id}-help`} />
      <div>
        <label htmlFor={id}>{label}</label>
        {help && (
          <p id={`${id}-help`} className={styles.help}>
            {help}
          </p>
        )}
      </div>
    </div>
  );
}
