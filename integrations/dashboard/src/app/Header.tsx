import { ConnectionState } from '../live/ConnectionState';
import styles from './Header.module.css';
import mark from './mark.svg';
import { Navigation } from './Navigation';
import { useMe } from './session';
import { ThemeToggle } from './ThemeToggle';

export function Header() {
  const me = useMe();
  return (
    <header className={styles.header}>
      <div className={styles.brand}>
        <img src={mark} alt="" width="24" height="24" />
        <span>Command Center</span>
      </div>
      <Navigation />
      <div className={styles.side}>
        <ConnectionState />
        <span className={styles.user}>
          {me.user_id && <span className={styles.name}>{me.user_id}</span>}
          <span className={styles.role}>{me.role}</span>
        </span>
        <ThemeToggle />
      </div>
    </header>
  );
}
