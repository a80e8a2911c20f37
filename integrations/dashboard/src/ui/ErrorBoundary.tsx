import { Component, type ReactNode } from 'react';
import { ProblemNotice } from './ProblemNotice';

interface State {
  error: Error | null;
}

/** What fails inside is told here, and the rest of the page goes on. A part of the program that could not be loaded is
 * asked for again only by a new page. */
export class ErrorBoundary extends Component<{ children: ReactNode }, State> {
  override state: State = { error: null };

  static getDerivedStateFromError(error: Error): State {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return <ProblemNotice error={error} onRetry={() => window.location.reload()} retry="Reload" />;
  }
}
