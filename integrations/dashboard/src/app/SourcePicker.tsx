import { useSource } from './useSource';
import styles from './SourcePicker.module.css';

/** Only where there is something to pick. */
export function SourcePicker() {
  const { source, names, setSource } = useSource();
  if (names.length < 2) return null;
  return (
    <label className={styles.picker}>
      Source
      <select value={source} onChange={(event) => setSource(event.target.value)}>
        {names.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </label>
  );
}
