import { useId, useState } from 'react';
import { TextField } from './Field';
import styles from './ExactFilter.module.css';

interface Props {
  label: string;
  value: string;
  known: readonly string[];
  wide?: boolean;
  onChange: (value: string) => void;
}

/** Looks for exactly this, so it waits until the text is complete: Enter, or the next field. */
export function ExactFilter({ label, value, known, wide = false, onChange }: Props) {
  const list = useId();
  // Only while it is being edited, and only as long as what it is an edit of is in force.
  const [draft, setDraft] = useState<{ of: string; text: string } | null>(null);
  const text = draft?.of === value ? draft.text : value;

  const commit = () => {
    setDraft(null);
    if (text.trim() !== value) onChange(text.trim());
  };

  return (
    <form
      className={styles.exact}
      data-wide={wide || undefined}
      onSubmit={(event) => {
        event.preventDefault();
        commit();
      }}
    >
      <TextField
        label={label}
        type="search"
        autoComplete="off"
        spellCheck={false}
        placeholder="Any"
        list={list}
        value={text}
        onChange={(event) => setDraft({ of: value, text: event.target.value })}
        onBlur={commit}
      />
      <datalist id={list}>
        {known.map((each) => (
          <option key={each} value={each} />
        ))}
      </datalist>
    </form>
  );
}
