import { describe, expect, it } from "vitest";
import { formatBytes } from "./bytes";

describe("bytes", () => {
  it.each([
    [0, "0 byte"],
    [999, "999 byte"],
    [12_400_000, "12 MB"],
    [1_250_000_000, "1.3 GB"],
    [67_108_864, "67 MB"],
    [5e15, "5,000 TB"],
  ])("%d is %s", (bytes, text) => {
    expect(formatBytes(bytes, "en-GB")).toBe(text);
  });

  it("follows the reader's language", () => {
    expect(formatBytes(1_250_000_000, "de-DE")).toBe("1,3\u00a0GB");
  });
});
