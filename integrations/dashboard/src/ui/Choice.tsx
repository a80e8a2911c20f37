import { useId } from 'react';
import styles from './Choice.module.css';

interface Option<T extends string> {
  value: T;
  label: string;
}

interface OneProps<T extends string> {
  legend: string;
  options: readonly Option<T>[];
  value: T;
  onChange: (value: T) => void;
}

/** One of a few: radio buttons that look like a switch. */
export function ChooseOne<T extends string>({ legend, options, value, onChange }: OneProps<T>) {
  const name = useId();
  return (
    <fieldset className={styles.set}>
      <legend className={styles.legend}>{legend}</legend>
      <div className={styles.joined}>
        {options.map((option) => (
          <label key={option.value} className={styles.option}>
            <input
              type="radio"
              className="visually-hidden"
              name={name}
              checked={option.value === value}
              onChange={() => onChange(option.value)}
            />
            {option.label}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

interface SomeProps<T extends string> {
  legend: string;
  options: readonly Option<T>[];
  value: readonly T[];
  onChange: (value: T[]) => void;
}

/** Some of a few; none means any. */
export function ChooseSome<T extends string>({ legend, options, value, onChange }: SomeProps<T>) {
  const toggled = (option: T) =>
    options.map((each) => each.value).filter((each) => (each === option) !== value.includes(each));
  return (
    <fieldset className={styles.set}>
      <legend className={styles.legend}>{legend}</legend>
      <div className={styles.apart}>
        {options.map((option) => (
          <label key={option.value} className={styles.option}>
            <input
              type="checkbox"
              className="visually-hidden"
              checked={value.includes(option.value)}
              onChange={() => onChange(toggled(option.value))}
            />
            {option.label}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
