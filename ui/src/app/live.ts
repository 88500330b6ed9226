// Keeps the screens true: what the host says has changed is read anew. Owns which topic concerns whom.
import { people } from "../features/access/people.svelte";
import { board } from "../features/checkin/board.svelte";
import { door } from "../features/checkin/door.svelte";
import { preferences } from "../features/devices/preferences.svelte";
import { leases } from "../features/leases/leases.svelte";
import { station } from "../features/devices/station.svelte";
import { cases } from "../features/sync/cases.svelte";
import { till } from "../features/till/till.svelte";
import type { Events } from "../generated/rpc";
import { hear } from "../host/events";

type Topic = Events["changed"]["topics"][number];

const readers: Record<Topic, () => Promise<void>> = {
  status: async () => {
    await Promise.all([station.load(), people.load(), cases.view ? cases.load() : undefined]);
  },
  // The window comes forward by itself.
  show: () => Promise.resolve(),
  settings: () => preferences.load(),
  // Read only once somebody has looked: a till that is never opened costs nothing.
  door: async () => {
    await Promise.all([door.view ? door.load() : undefined, board.changed()]);
  },
  till: async () => {
    await Promise.all([till.view ? till.load() : undefined, leases.view ? leases.load() : undefined]);
  },
};

/** How often what changes by time alone is looked at. */
const LOOK_MS = 30_000;

/** Starts listening; the answered function stops it. */
export function live(): () => void {
  const stopHearing = hear("changed", ({ topics }) => {
    for (const topic of topics) void readers[topic]();
  });
  const stopWatching = station.watch();
  const stopListening = door.listen();
  // Lists go on and off by time, and whoever does nothing is not signed in any more, without a word from the host.
  const look = setInterval(() => {
    void people.load();
    void readers.door();
  }, LOOK_MS);
  return () => {
    clearInterval(look);
    stopListening();
    stopHearing();
    stopWatching();
  };
}
