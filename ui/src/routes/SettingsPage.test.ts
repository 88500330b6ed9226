import { fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { beforeEach, describe, expect, it } from "vitest";
import { preferences } from "../features/devices/preferences.svelte";
import { station } from "../features/devices/station.svelte";
import type { Memory } from "../host/memory";
import { words } from "../i18n/words.svelte";
import { freshHost } from "../testing/setup";
import SettingsPage from "./SettingsPage.svelte";

describe("the settings", () => {
  let memory: Memory;

  beforeEach(async () => {
    memory = freshHost();
    words.language = "en";
    preferences.problem = null;
    await Promise.all([preferences.load(), station.load()]);
    render(SettingsPage);
  });

  it("are kept as soon as they are chosen", async () => {
    await fireEvent.click(screen.getByTestId("settings-theme-dark"));
    await fireEvent.click(screen.getByTestId("settings-sounds"));
    await waitFor(() => expect(memory.settings).toMatchObject({ theme: "dark", sounds: false }));
    expect(screen.getByTestId("settings-saved").textContent).toContain("Saved");
  });

  it("take a camera folder only once it has a path", async () => {
    const kind = screen.getByTestId<HTMLSelectElement>("settings-camera-kind");
    kind.selectedIndex = 2;
    await fireEvent.change(kind);
    expect(memory.settings.camera).toEqual({ kind: "none" });
    const path = await screen.findByTestId("settings-camera-path");
    await fireEvent.input(path, { target: { value: " /srv/pictures " } });
    await fireEvent.change(path);
    await waitFor(() => expect(memory.settings.camera).toEqual({ kind: "folder", path: "/srv/pictures" }));
  });

  it("take a scanner on a serial port and its speed, and let it go", async () => {
    const port = screen.getByTestId<HTMLSelectElement>("settings-serial-port");
    await waitFor(() => expect(port.options).toHaveLength(3));
    port.selectedIndex = 2;
    await fireEvent.change(port);
    await waitFor(() => expect(memory.settings.serial_scanner).toEqual({ port: "/dev/ttyUSB0", speed: 9600 }));
    const speed = await screen.findByTestId<HTMLSelectElement>("settings-serial-speed");
    speed.selectedIndex = 7;
    await fireEvent.change(speed);
    await waitFor(() => expect(memory.settings.serial_scanner).toEqual({ port: "/dev/ttyUSB0", speed: 115_200 }));
    port.selectedIndex = 0;
    await fireEvent.change(port);
    await waitFor(() => expect(memory.settings.serial_scanner).toBeNull());
  });

  it("take a second camera beside the first", async () => {
    await preferences.change({ camera: { kind: "device", index: 4 } });
    await fireEvent.click(await screen.findByTestId("settings-camera-also-0"));
    await waitFor(() => expect(memory.settings.more_cameras).toEqual([{ kind: "device", index: 0 }]));
    await fireEvent.click(screen.getByTestId("settings-camera-also-0"));
    await waitFor(() => expect(memory.settings.more_cameras).toEqual([]));
  });

  it("show what is stored, and why, when it could not be kept", async () => {
    memory.failing.set("settings_save", "not-recorded");
    await fireEvent.click(screen.getByTestId("settings-theme-dark"));
    const problem = await screen.findByTestId("settings-problem");
    expect(problem.dataset["code"]).toBe("not-recorded");
    expect(screen.getByTestId("settings-theme-system").getAttribute("aria-checked")).toBe("true");
  });

  it("tell where the keys are and what waits", () => {
    expect(screen.getByTestId("fact-key-store").textContent).toBe("the system's keychain");
    expect(screen.getByTestId("fact-waiting").textContent).toBe("14");
    expect(screen.getByTestId("fact-disk").textContent).toBe("84 GB free · 67 MB kept for scans");
    expect(screen.getByTestId("fact-clock").textContent).toBe("+118 ms ± 24 ms");
  });
});
