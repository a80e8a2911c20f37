import { Problem } from '../api/http';
import { Button } from './Button';
import styles from './ProblemNotice.module.css';

interface Props {
  error: Error;
  onRetry?: (() => void) | undefined;
  /** What the button says. */
  retry?: string;
}

/** What went wrong and what to do, in the API's own words. */
export function ProblemNotice({ error, onRetry, retry = 'Try again' }: Props) {
  const problem = error instanceof Problem ? error : null;
  return (
    <div className={styles.notice} role="alert">
      <div className={styles.text}>
        <p className={styles.title}>{problem ? problem.title : 'The dashboard failed'}</p>
        <p>{problem ? problem.detail : error.message}</p>
        {problem?.hint && (
          <p>
            <strong>Hint:</strong> {problem.hint}
          </p>
        )}
        {problem && problem.status > 0 && (
          <p className={styles.code}>
            HTTP {problem.status}
            {problem.sqlstate && ` · SQLSTATE ${problem.sqlstate}`}
          </p>
        )}
      </div>
      {onRetry && <Button onClick={onRetry}>{retry}</Button>}
    </div>
  );
}
