/** Who is signed in. It is kept for this browser tab alone, and forgotten with it. */

export interface Person {
  id: string;
  login: string;
  name: string;
  roles: string[];
}

interface Session {
  accessToken: string;
  refreshToken: string;
  person: Person;
}

/** What the page shows. `asking`: the form is open; `reason`: why it opened by itself. */
export interface State {
  session: Session | null;
  asking: boolean;
  reason: string;
}

const KEPT = "headwater:session";

/** Where the page is, which is where questions go. */
export const endpoint = location.pathname.replace(/\/+$/, "");

let state: State = { session: kept(), asking: false, reason: "" };
const watchers = new Set<() => void>();

export const current = (): State => state;

export function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

export function ask(reason = ""): void {
  become({ ...state, asking: true, reason });
}

export function dismiss(): void {
  become({ ...state, asking: false, reason: "" });
}

/** Throws an Error that says why not. */
export async function signIn(username: string, password: string): Promise<void> {
  const tokens = await answered(api("auth/login", { username, password }));
  const me = await answered(api("users/me", undefined, tokens.accessToken));
  keep({ accessToken: tokens.accessToken, refreshToken: tokens.refreshToken, person: me.data });
}

export async function signOut(): Promise<void> {
  const refreshToken = state.session?.refreshToken;
  keep(null);
  // Signed out here, whatever the server says; it ends the session on its side as well.
  if (refreshToken) await api("auth/logout", { refreshToken }).catch(() => undefined);
}

/** Asks the GraphQL endpoint. Where the access token has run out it is renewed; where that fails, the form opens. */
export async function question(body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  const session = state.session;
  let response = await post(endpoint, body, { ...bearer(session?.accessToken), ...headers });
  if (response.status === 401 && session) {
    const renewed = await renew(session);
    if (renewed) response = await post(endpoint, body, { ...bearer(renewed.accessToken), ...headers });
  }
  if (response.status === 401) {
    if (state.session === session) keep(null);
    ask(session ? "Your session has ended. Sign in again." : "This needs somebody who is signed in.");
  }
  return response;
}

let renewing: Promise<Session | null> | undefined;

/** A refresh token can be used once, so all who wait for new tokens wait for the same ones. */
function renew(old: Session): Promise<Session | null> {
  if (state.session !== old) return Promise.resolve(state.session);
  renewing ??= answered(api("auth/refresh", { refreshToken: old.refreshToken }))
    .then((tokens) => {
      if (state.session !== old) return state.session;
      const renewed = { ...old, accessToken: tokens.accessToken, refreshToken: tokens.refreshToken };
      keep(renewed);
      return renewed;
    })
    .catch(() => null)
    .finally(() => (renewing = undefined));
  return renewing;
}

function keep(session: Session | null): void {
  if (session) sessionStorage.setItem(KEPT, JSON.stringify(session));
  else sessionStorage.removeItem(KEPT);
  become({ session, asking: false, reason: "" });
}

function kept(): Session | null {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  } catch {
    return null;
  }
}

function become(next: State): void {
  state = next;
  for (const watcher of watchers) watcher();
}

function bearer(token?: string): Record<string, string> {
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/** The API is beside the endpoint. */
function api(path: string, body?: unknown, token?: string): Promise<Response> {
  const address = new URL(`api/v1/${path}`, location.origin + endpoint);
  return body === undefined
    ? fetch(address, { headers: bearer(token) })
    : post(address, body, bearer(token));
}

function post(address: string | URL, body: unknown, headers: Record<string, string>): Promise<Response> {
  return fetch(address, {
    method: "POST",
    headers: { Accept: "application/json", "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

async function answered(asked: Promise<Response>): Promise<any> {
  let response: Response;
  try {
    response = await asked;
  } catch {
    throw new Error("The server does not answer.");
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Error(body?.error?.message ?? `The server answers ${response.status}.`);
  return body;
}
