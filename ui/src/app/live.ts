// Keeps the screens true: what the host says has changed is read anew. Owns which topic concerns whom.
import { door } from "../features/checkin/door.svelte";
import { preferences } from "../features/devices/preferences.svelte";
import { station } from "../features/devices/station.svelte";
import { till } from "../features/till/till.svelte";
import type { Events } from "../generated/rpc";
import { hear } from "../host/events";

type Topic = Events["changed"]["topics"][number];

const readers: Record<Topic, () => Promise<void>> = {
  status: () => station.load(),
  settings: () => preferences.load(),
  // Read only once somebody has looked: a till that is never opened costs nothing.
  door: () => (door.view ? door.load() : Promise.resolve()),
  till: () => (till.view ? till.load() : Promise.resolve()),
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
