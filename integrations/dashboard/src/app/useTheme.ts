import { useSyncExternalStore } from 'react';
import { currentTheme, watchTheme } from './theme';

export const useTheme = () => useSyncExternalStore(watchTheme, currentTheme);
