// The camera as the door sees it: newest picture, trouble, running or not. Pictures and decoding are the host's.
import type { Problem } from "../../generated/Problem";
import type { Events } from "../../generated/rpc";
import { hear } from "../../host/events";
import { asProblem } from "../../host/rpc";
import * as api from "./api";

type Frame = Events["camera_frame"];

export class Camera {
  frame = $state.raw<Frame | null>(null);
  problem = $state<Problem | null>(null);
  running = $state(false);
  /** The code was read just now: the pane shows that it saw something. */
  sawAt = $state(0);

  /** Starts it and hears its codes; the answered function stops both. */
  start(onCode: (code: string) => void): () => void {
    const stops = [
      hear("camera_frame", (frame) => {
        this.frame = frame;
        this.problem = null;
      }),
      hear("camera_code", ({ code }) => {
        this.sawAt += 1;
        onCode(code);
      }),
      hear("camera_problem", (problem) => (this.problem = problem)),
    ];
    void this.open();
    return () => {
      for (const stop of stops) stop();
      this.running = false;
      this.frame = null;
      // Nothing is shown of a camera that will not stop: the next start says it.
      api.stopCamera().catch((error: unknown) => console.warn("camera_stop", asProblem(error).detail));
    };
  }

  async open(): Promise<void> {
    this.problem = null;
    try {
      await api.startCamera();
      this.running = true;
    } catch (error) {
      this.problem = asProblem(error);
    }
  }
}
