import { fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { beforeEach, describe, expect, it } from "vitest";
import type { CameraControl } from "../../generated/CameraControl";
import type { Memory } from "../../host/memory";
import { words } from "../../i18n/words.svelte";
import { freshHost } from "../../testing/setup";
import CameraPane from "./CameraPane.svelte";

const frame = (camera: number, mirrored = false) => ({ camera, jpeg: "", width: 400, height: 300, mirrored, outline: null });
const torch: CameraControl = { camera: 0, name: "Torch", kind: "torch", min: 0, max: 1, step: 1, value: 0 };

describe("the camera at the door", () => {
  let memory: Memory;
  let codes: string[];

  beforeEach(() => {
    memory = freshHost();
    words.language = "en";
    codes = [];
    memory.controls = [torch, { ...torch, name: "Focus, Absolute", kind: "focus", max: 250, step: 5 }];
    render(CameraPane, { oncode: (code) => codes.push(code) });
  });

  it("draws a line around the code where it is in the picture, and turns it with the mirror", async () => {
    await waitFor(() => expect(screen.getByTestId("camera").dataset["running"]).toBe("true"));
    memory.emit("camera_frame", { ...frame(0, true), outline: [[0.25, 0.5], [0.5, 0.5], [0.5, 0.75], [0.25, 0.75]] });
    const line = await screen.findByTestId("camera-outline");
    expect(line.getAttribute("points")).toBe("100,150 200,150 200,225 100,225");
    expect(line.closest(".mirrored")).toBe(screen.getByTestId("camera-frame").closest(".mirrored"));
    memory.emit("camera_frame", frame(0));
    await waitFor(() => expect(screen.queryByTestId("camera-outline")).toBeNull());
  });

  it("shows the newest picture of each camera in use", async () => {
    for (const camera of [1, 0, 1]) memory.emit("camera_frame", frame(camera));
    await waitFor(() => expect(screen.getAllByTestId("camera-frame")).toHaveLength(2));
    memory.emit("camera_code", { code: "A" });
    expect(codes).toEqual(["A"]);
  });

  it("lights the lamp and sets the focus where the camera has them", async () => {
    memory.emit("camera_frame", frame(0));
    await fireEvent.click(await screen.findByTestId("camera-torch"));
    await waitFor(() => expect(memory.controls[0]?.value).toBe(1));
    const focus = screen.getByTestId<HTMLInputElement>("camera-focus");
    await fireEvent.change(focus, { target: { value: "120" } });
    await waitFor(() => expect(memory.controls[1]?.value).toBe(120));
    expect(screen.getByLabelText("Focus")).toBe(focus);
  });

  it("says what is wrong until a picture comes again", async () => {
    memory.emit("camera_problem", { code: "unavailable", detail: "The camera sends no pictures.", fields: [] } as never);
    expect((await screen.findByTestId("camera-problem")).textContent).toContain("sends no pictures");
    memory.emit("camera_frame", frame(0));
    await screen.findByTestId("camera-frame");
    expect(screen.queryByTestId("camera-problem")).toBeNull();
  });
});
