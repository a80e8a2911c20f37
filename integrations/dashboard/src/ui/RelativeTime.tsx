import { formatAbsolute, formatRelative } from '../format/times';
import { useNow } from './useNow';

export function RelativeTime({ iso }: { iso: string }) {
  const now = useNow();
  return (
    <time dateTime={iso} title={formatAbsolute(iso)} style={{ whiteSpace: 'nowrap' }}>
      {formatRelative(iso, now)}
    </time>
  );
}
