import { createContext, useContext } from 'react';
import type { Me, Permission } from '../api/types';

const SessionContext = createContext<Me | null>(null);

export const SessionProvider = SessionContext.Provider;

export function useMe(): Me {
  const me = useContext(SessionContext);
  if (!me) throw new Error('nobody is signed in here');
  return me;
}

export const useMay = (permission: Permission): boolean => useMe().permissions[permission];
