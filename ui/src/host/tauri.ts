// The Tauri window as host. The only file that knows Tauri. A command takes its request under the name `request`.
import { invoke, isTauri } from "@tauri-apps/api/core";
import { listen } from "@tauri-apps/api/event";
import type { Host } from "./rpc";

/** Whether this page runs inside the window. */
export const inWindow = isTauri;

export const tauri: Host = {
  rpc: (command, request) => invoke(command, request === undefined || request === null ? undefined : { request }),
  listen: (event, hear) => listen(event, ({ payload }) => hear(payload as Parameters<typeof hear>[0])),
};
