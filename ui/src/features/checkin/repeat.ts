// The same code again within a short time is one scan: a ticket held before a camera, a trigger pulled twice. Owns when
// each code was last seen.

/** How long a code must be out of sight to count again. */
export const REPEAT_MS = 3000;
/**
 * The same for codes a camera tells. The host tells each at most every three seconds and knows what is still in sight;
 * a little less here, so that no second showing is lost to the time a message takes.
 */
export const CAMERA_REPEAT_MS = 2500;

export class Repeats {
  private readonly seenAt = new Map<string, number>();

  /** Whether `code`, seen at `at` (ms, monotonic), is a scan of its own. Each sight starts the time anew. */
  isNew(code: string, at: number, within_ms = REPEAT_MS): boolean {
    for (const [old, seen] of this.seenAt) if (at - seen > REPEAT_MS) this.seenAt.delete(old);
    const seen = this.seenAt.get(code);
    const repeated = seen !== undefined && at - seen <= within_ms;
    this.seenAt.set(code, at);
    return !repeated;
  }

  /** Lets `code` count at once: a person has put the verdict away and means the next scan. */
  forget(code: string): void {
    this.seenAt.delete(code);
  }
}
