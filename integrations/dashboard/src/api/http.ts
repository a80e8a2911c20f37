/** Where the API is mounted; fixed when the dashboard is built. */
const API_BASE: string = import.meta.env.VITE_API_BASE ?? '/api';

type Value = string | number | boolean;
type Params = Record<string, Value | readonly Value[] | null | undefined>;

interface ProblemMembers {
  title: string;
  status: number;
  detail: string;
  hint?: string | undefined;
  sqlstate?: string | undefined;
}

/** An error of the API, as RFC 9457 has it. Status 0: there was no answer. */
export class Problem extends Error {
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly hint: string | undefined;
  readonly sqlstate: string | undefined;

  constructor(members: ProblemMembers) {
    super(`${members.title}: ${members.detail}`);
    this.name = 'Problem';
    this.title = members.title;
    this.status = members.status;
    this.detail = members.detail;
    this.hint = members.hint;
    this.sqlstate = members.sqlstate;
  }
}

/** A list gives its name several times; what is null or undefined is left out. */
export function apiUrl(path: string, params: Params = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value === null || value === undefined) continue;
    for (const each of Array.isArray(value) ? value : [value]) search.append(name, String(each));
  }
  const query = search.toString();
  return `${API_BASE}${path}${query && `?${query}`}`;
}

interface Options {
  method?: 'GET' | 'POST' | 'DELETE';
  params?: Params;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
}

export async function request<T>(path: string, options: Options = {}): Promise<T> {
  const { method = 'GET', params, body, headers, signal } = options;
  const response = await send(apiUrl(path, params), {
    method,
    headers: {
      Accept: 'application/json',
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
  });
  if (!response.ok) throw await problemOf(response);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

async function send(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...init, credentials: 'same-origin' });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Problem({
      title: 'No answer',
      status: 0,
      detail: 'The service cannot be reached.',
      hint: 'Check the connection. The dashboard keeps trying.',
    });
  }
}

async function problemOf(response: Response): Promise<Problem> {
  const type = response.headers.get('Content-Type') ?? '';
  if (type.includes('json')) {
    const members = (await response.json()) as Partial<ProblemMembers>;
    return new Problem({
      title: members.title ?? response.statusText,
      status: response.status,
      detail: members.detail ?? '',
      hint: members.hint,
      sqlstate: members.sqlstate,
    });
  }
  // Something between us and the API has answered.
  return new Problem({
    title: response.statusText || 'Error',
    status: response.status,
    detail: 'The service answered with an error.',
  });
}
