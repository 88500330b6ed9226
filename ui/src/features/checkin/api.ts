// The door's typed calls.
import type { ArrivalsView } from "../../generated/ArrivalsView";
import type { CameraControl } from "../../generated/CameraControl";
import type { DoorView } from "../../generated/DoorView";
import type { ExchangeRequest } from "../../generated/ExchangeRequest";
import type { ExchangeView } from "../../generated/ExchangeView";
import type { FoundTicket } from "../../generated/FoundTicket";
import type { Printed } from "../../generated/Printed";
import type { ReadinessView } from "../../generated/ReadinessView";
import type { RefusedScan } from "../../generated/RefusedScan";
import type { ScanRequest } from "../../generated/ScanRequest";
import type { SetControl } from "../../generated/SetControl";
import type { SignInRequest } from "../../generated/SignInRequest";
import type { VerdictView } from "../../generated/VerdictView";
import { rpc } from "../../host/rpc";

type Approval = SignInRequest | null;

export const door = (): Promise<DoorView> => rpc("checkin_door");

export const scan = (request: ScanRequest, approval: Approval): Promise<VerdictView> => rpc("checkin_scan", { request, approval });

export const undo = (scan_id: string, reason: string, approval: Approval): Promise<DoorView> =>
  rpc("checkin_undo", { request: { scan_id, reason }, approval });

export const exchange = (request: ExchangeRequest, approval: Approval): Promise<ExchangeView> =>
  rpc("checkin_exchange", { request, approval });

export const search = (list_id: number, text: string): Promise<FoundTicket[]> => rpc("checkin_search", { list_id, text });

export const arrivals = (list_id: number): Promise<ArrivalsView> => rpc("checkin_arrivals", { list_id });

export const refused = (): Promise<RefusedScan[]> => rpc("checkin_refused");

export const ready = (list_id: number | null): Promise<ReadinessView> => rpc("checkin_ready", { list_id });

export const printDoorList = (list_id: number): Promise<Printed> => rpc("checkin_door_list", { list_id, file: null });

export const saveDoorList = (list_id: number, file: string): Promise<Printed> => rpc("checkin_door_list", { list_id, file });

export const chooseFile = (title: string, near: string): Promise<string | null> =>
  rpc("window_choose", { what: "new_file", title, near, endings: ["csv", "pdf"] });

export const printBadge = (position_id: string): Promise<Printed> => rpc("checkin_badge", { position_id });

/** What is started and stopped in one order is done in that order: a screen that closes must not stop the next one's. */
let turn: Promise<unknown> = Promise.resolve();
function inTurn<T>(act: () => Promise<T>): Promise<T> {
  const done = turn.then(act, act);
  turn = done;
  return done;
}

export const startCamera = (): Promise<null> => inTurn(() => rpc("camera_start"));

export const stopCamera = (): Promise<null> => inTurn(() => rpc("camera_stop"));

export const cameraControls = (): Promise<CameraControl[]> => rpc("camera_controls");

export const setCamera = (wanted: SetControl): Promise<CameraControl[]> => rpc("camera_set", wanted);

export const startScanner = (): Promise<null> => inTurn(() => rpc("scanner_start"));

export const stopScanner = (): Promise<null> => inTurn(() => rpc("scanner_stop"));
