// The scanner on a serial port: runs while a screen listens, and tells codes and trouble.
import type { Problem } from "../../generated/Problem";
import { hear } from "../../host/events";
import { asProblem } from "../../host/rpc";
import * as api from "./api";

export class SerialScanner {
  problem = $state<Problem | null>(null);

  /** Starts it and hears its codes; the answered function stops both. */
  start(onCode: (code: string) => void): () => void {
    const stops = [
      hear("scanner_code", ({ code }) => onCode(code)),
      hear("scanner_problem", (problem) => (this.problem = problem)),
    ];
    api.startScanner().catch((error: unknown) => (this.problem = asProblem(error)));
    return () => {
      for (const stop of stops) stop();
      this.problem = null;
      // The next start says what is wrong with one that will not stop.
      api.stopScanner().catch((error: unknown) => console.warn("scanner_stop", asProblem(error).detail));
    };
  }
}
