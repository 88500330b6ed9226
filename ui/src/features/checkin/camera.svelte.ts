// The cameras as the door sees them: newest picture of each, trouble, running or not, what can be set. Pictures and decoding
// are the host's.
import type { CameraControl } from "../../generated/CameraControl";
import type { Problem } from "../../generated/Problem";
import type { Events } from "../../generated/rpc";
import { hear } from "../../host/events";
import { asProblem } from "../../host/rpc";
import * as api from "./api";

type Frame = Events["camera_frame"];

export class Camera {
  /** The newest picture of each camera, by its number. */
  frames = $state.raw<Frame[]>([]);
  problem = $state<Problem | null>(null);
  running = $state(false);
  /** The code was read just now: the pane shows that it saw something. */
  sawAt = $state(0);
  controls = $state.raw<CameraControl[]>([]);

  /** Starts it and hears its codes; the answered function stops both. */
  start(onCode: (code: string) => void): () => void {
    const stops = [
      hear("camera_frame", (frame) => {
        const isNew = !this.frames.some((one) => one.camera === frame.camera);
        this.frames = [...this.frames.filter((one) => one.camera !== frame.camera), frame].sort((a, b) => a.camera - b.camera);
        this.problem = null;
        // What can be set is known once a camera runs.
        if (isNew) void this.askControls();
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
      this.frames = [];
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

  async askControls(): Promise<void> {
    try {
      this.controls = await api.cameraControls();
    } catch (error) {
      this.problem = asProblem(error);
    }
  }

  async set(control: CameraControl, value: number): Promise<void> {
    try {
      this.controls = await api.setCamera({ camera: control.camera, name: control.name, value });
    } catch (error) {
      this.problem = asProblem(error);
    }
  }
}
