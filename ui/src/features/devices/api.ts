// The station's typed calls about itself.
import type { Rpc } from "../../generated/rpc";
import type { StatusView } from "../../generated/StatusView";
import { rpc } from "../../host/rpc";

export type Settings = Rpc["settings_get"][1];
export type CameraSource = Settings["camera"];
export type CameraChoice = Rpc["camera_list"][1][number];

export const status = (): Promise<StatusView> => rpc("devices_status");
export const enrol = (url: string, token: string): Promise<StatusView> => rpc("devices_enrol", { url, token });
export const syncNow = (): Promise<StatusView> => rpc("sync_now");
export const settings = (): Promise<Settings> => rpc("settings_get");
export const saveSettings = (settings: Settings): Promise<Settings> => rpc("settings_save", settings);
export const scannerPorts = (): Promise<string[]> => rpc("scanner_ports");
export const cameras = (): Promise<CameraChoice[]> => rpc("camera_list");
export const openTurnstile = (turnstile: Settings["turnstile"]): Promise<null> =>
  rpc("checkin_turnstile", { turnstile, direction: "entry" });
export const choose = (what: "folder" | "file", title: string, near: string): Promise<string | null> =>
  rpc("window_choose", { what, title, near, endings: [] });
export const printers = (): Promise<string[]> => rpc("printer_list");
