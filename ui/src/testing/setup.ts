// What every test of the screens starts from: a fresh memory as host.
import { beforeEach } from "vitest";
import { Memory } from "../host/memory";
import { useHost } from "../host/rpc";

/** A Friday evening, 19:52:07 in Berlin. */
export const EVENING = Date.UTC(2026, 10, 20, 18, 52, 7);

/** Sets a fresh host and answers it. */
export function freshHost(now: () => number = () => EVENING): Memory {
  const memory = new Memory(now);
  useHost(memory);
  return memory;
}

beforeEach(() => {
  freshHost();
});
