import { Button } from '../ui/Button';
import { Icon } from '../ui/Icon';
import { applyTheme, storeTheme } from './theme';
import { useTheme } from './useTheme';

export function ThemeToggle() {
  const theme = useTheme();
  const other = theme === 'dark' ? 'light' : 'dark';
  return (
    <Button
      kind="quiet"
      aria-label={`Use the ${other} theme`}
      title={`Use the ${other} theme`}
      onClick={() => {
        storeTheme(other);
        applyTheme(other);
      }}
    >
      <Icon name={theme === 'dark' ? 'sun' : 'moon'} />
    </Button>
  );
}
