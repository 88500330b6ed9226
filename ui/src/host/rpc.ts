// The one door to whatever runs these screens: typed commands. Owns the choice of host and what counts as a problem;
// knows no command by name. Types come from Rust.
import type { Problem } from "../generated/Problem";
import type { Events, Rpc } from "../generated/rpc";

/** Commands that take nothing are called without a second argument. */
type Request<K extends keyof Rpc> = Rpc[K][0] extends null | undefined | void ? [] : [request: Rpc[K][0]];

/** What runs the screens: the Tauri window, or a memory for tests and for work on screens. */
export interface Host {
  rpc<K extends keyof Rpc>(command: K, request: Rpc[K][0] | undefined): Promise<Rpc[K][1]>;
  /** Answers a function that stops listening. */
  listen<K extends keyof Events>(event: K, hear: (payload: Events[K]) => void): Promise<() => void>;
}

let present: Host | undefined;

/** Sets the host, once, before the first command. */
export function useHost(host: Host): void {
  present = host;
}

/** The host in use. */
export function host(): Host {
  if (!present) throw new Error("no host: useHost() comes first");
  return present;
}

/** Asks the host. Rejects with a {@link Problem}, whatever went wrong. */
export async function rpc<K extends keyof Rpc>(command: K, ...request: Request<K>): Promise<Rpc[K][1]> {
  try {
    return await host().rpc(command, request[0] as Rpc[K][0] | undefined);
  } catch (error) {
    throw asProblem(error);
  }
}

/** Any thrown thing as a problem: what is none already is an internal one that carries the words it had. */
export function asProblem(error: unknown): Problem {
  if (isProblem(error)) return error;
  const detail = error instanceof Error ? error.message : typeof error === "string" ? error : JSON.stringify(error);
  return { code: "internal", title: "Something went wrong on our side.", detail: detail ?? "" } as Problem;
}

function isProblem(error: unknown): error is Problem {
  if (typeof error !== "object" || error === null) return false;
  const { code, title, detail } = error as Record<string, unknown>;
  return typeof code === "string" && typeof title === "string" && typeof detail === "string";
}
