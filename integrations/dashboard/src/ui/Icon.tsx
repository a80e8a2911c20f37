const PATHS = {
  alert: 'M8 2 1.5 13.5h13L8 2Zm0 4.5v3.5M8 12v.01',
  check: 'm3 8.5 3.5 3.5L13 5',
  close: 'm4 4 8 8m0-8-8 8',
  moon: 'M13.5 9.6A6 6 0 1 1 6.4 2.5a4.8 4.8 0 0 0 7.1 7.1Z',
  sun: 'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM8 1v1.5m0 11V15M1 8h1.5m11 0H15M3 3l1.1 1.1m7.8 7.8L13 13M13 3l-1.1 1.1M4.1 11.9 3 13',
  refresh: 'M13.5 7A5.6 5.6 0 1 0 13 10.500M13.5 3v4h-4',
  quiet: 'm2 2 12 12M4 6.500V10l-1 1.500h8M6.5 13.500h3M6 3.300A3.5 3.5 0 0 1 12 6v3',
} as const;

type IconName = keyof typeof PATHS;

/** Says nothing that the text beside it does not say. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg
      viewBox="0 0 16 16"
      width="16"
      height="16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      style={{ flex: 'none' }}
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
