// What the host says by itself: changes, camera frames, codes. Owns nothing but the subscription's life.
import type { Events } from "../generated/rpc";
import { host } from "./rpc";

/** Hears `event` until the answered function is called, which may be before the host has agreed to tell. */
export function hear<K extends keyof Events>(event: K, listener: (payload: Events[K]) => void): () => void {
  let stopped = false;
  let stop: (() => void) | undefined;
  void host()
    .listen(event, (payload) => {
      if (!stopped) listener(payload);
    })
    .then((answered) => {
      if (stopped) answered();
      else stop = answered;
    });
  return () => {
    stopped = true;
    stop?.();
  };
}
