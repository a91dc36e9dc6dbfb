// SPDX-License-Identifier: Apache-2.0
// How the page speaks to the server: JSON, a key where keys are in force (kept in this tab's
// sessionStorage and nowhere else), problem documents as exceptions, and which features there are.
import { explain } from "./words";

const keyName = "calotype.key";

export class Problem extends Error {
  constructor(readonly status: number, readonly code: string, readonly detail: string) {
    // The server says UNAUTHORIZED of a key that it does not know too.
    super(explain(status, code === "UNAUTHORIZED" && apiKey() ? "KEY_UNKNOWN" : code, detail));
  }
}

type KeyListener = (problem: Problem) => void;
let onKeyNeeded: KeyListener = () => undefined;
export function whenKeyIsNeeded(listener: KeyListener): void {
  onKeyNeeded = listener;
}

export function apiKey(): string {
  return sessionStorage.getItem(keyName) ?? "";
}

export function setApiKey(key: string): void {
  if (key) sessionStorage.setItem(keyName, key);
  else sessionStorage.removeItem(keyName);
}

export function authorization(): Record<string, string> {
  const key = apiKey();
  return key ? { Authorization: `Bearer ${key}` } : {};
}

export type Query = Record<string, string | number | boolean | undefined>;

export function target(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== "") search.set(name, String(value));
  const text = search.toString();
  return text ? `${path}?${text}` : path;
}

export async function problemOf(answer: Response): Promise<Problem> {
  try {
    const document = await answer.clone().json();
    return new Problem(answer.status, String(document.code ?? ""), String(document.detail ?? ""));
  } catch {
    return new Problem(answer.status, "", "");
  }
}

interface CallOptions {
  query?: Query;
  body?: unknown;
  signal?: AbortSignal;
  /** Ask without the dialog that asks for a key. */
  quietly?: boolean;
}

/** The answer, whatever its status; a server that cannot be reached is the Problem SERVER_GONE. */
export async function request(
  method: string, path: string, options: CallOptions = {},
): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json", ...authorization() };
  let body: string | undefined;
  if (options.body !== undefined) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(options.body);
  }
  try {
    return await fetch(target(path, options.query), { method, headers, body,
      signal: options.signal, credentials: "same-origin" });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Problem(0, "SERVER_GONE", "");
  }
}

/** The parsed JSON of a success; everything else is thrown as a Problem. */
export async function call<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
  const answer = await request(method, path, options);
  if (!answer.ok) {
    const problem = await problemOf(answer);
    if (answer.status === 401 && !options.quietly) onKeyNeeded(problem);
    throw problem;
  }
  const text = await answer.text();
  return (text ? JSON.parse(text) : {}) as T;
}

/** A picture's address, with the signature that this server may want. */
export async function signed(path: string, signal?: AbortSignal): Promise<string> {
  const { url } = await call<{ url: string }>("GET", "/v1/sign",
    { query: { target: path }, signal });
  return url;
}

interface Contract {
  paths: Record<string, Record<string, { parameters?: ({ name?: string; $ref?: string })[] }>>;
}
let contract: Promise<Contract | null> | null = null;

function readContract(): Promise<Contract | null> {
  contract ??= fetch("/openapi.json").then((answer) => (answer.ok ? answer.json() : null))
    .catch(() => null);
  return contract;
}

/** Whether this server has the route, as its own contract says. */
export async function has(path: string, method = "get"): Promise<boolean> {
  const document = await readContract();
  return Boolean(document?.paths?.[path]?.[method]);
}

/** Whether the key that is used, or nobody's, may see what is there. */
export async function may(path: string): Promise<boolean> {
  const answer = await request("GET", path, { query: { limit: 1 } }).catch(() => null);
  return answer?.ok ?? false;
}

/** Names of the query parameters of a route. */
export async function parametersOf(path: string, method = "get"): Promise<Set<string>> {
  const document = await readContract();
  const list = document?.paths?.[path]?.[method]?.parameters ?? [];
  return new Set(list.map((one) => one.name ?? one.$ref?.split("/").pop() ?? ""));
}
