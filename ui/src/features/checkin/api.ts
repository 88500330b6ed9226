// The door's typed calls.
import type { Direction } from "../../generated/Direction";
import type { DoorView } from "../../generated/DoorView";
import type { FoundTicket } from "../../generated/FoundTicket";
import type { VerdictView } from "../../generated/VerdictView";
import { rpc } from "../../host/rpc";

export const door = (): Promise<DoorView> => rpc("checkin_door");

export const scan = (code: string, list_id: number, direction: Direction): Promise<VerdictView> =>
  rpc("checkin_scan", { code, list_id, direction, at: null });

export const undo = (scan_id: string, reason: string): Promise<DoorView> => rpc("checkin_undo", { scan_id, reason });

export const search = (list_id: number, text: string): Promise<FoundTicket[]> => rpc("checkin_search", { list_id, text });

export const startCamera = (): Promise<null> => rpc("camera_start");

export const stopCamera = (): Promise<null> => rpc("camera_stop");
