// Keeps the screens true: what the host says has changed is read anew. Owns which topic concerns whom.
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
    await Promise.all([station.load(), cases.view ? cases.load() : undefined]);
  },
  settings: () => preferences.load(),
  // Read only once somebody has looked: a till that is never opened costs nothing.
  door: () => (door.view ? door.load() : Promise.resolve()),
  till: async () => {
    await Promise.all([till.view ? till.load() : undefined, leases.view ? leases.load() : undefined]);
  },
};

/** Starts listening; the answered function stops it. */
export function live(): () => void {
  const stopHearing = hear("changed", ({ topics }) => {
    for (const topic of topics) void readers[topic]();
  });
  const stopWatching = station.watch();
  return () => {
    stopHearing();
    stopWatching();
  };
}
