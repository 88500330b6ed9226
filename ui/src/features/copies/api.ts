// The typed calls about backups, the second medium, and starting anew.
import type { CarriedView } from "../../generated/CarriedView";
import type { CopiesForm } from "../../generated/CopiesForm";
import type { CopiesView } from "../../generated/CopiesView";
import type { PutBackView } from "../../generated/PutBackView";
import type { StatusView } from "../../generated/StatusView";
import type { WrittenView } from "../../generated/WrittenView";
import { rpc } from "../../host/rpc";

export const copies = (): Promise<CopiesView> => rpc("copies_view");
export const media = (): Promise<string[]> => rpc("copies_media");
export const backup = (): Promise<CopiesView> => rpc("copies_backup");
export const change = (form: Partial<CopiesForm>): Promise<CopiesView> =>
  rpc("copies_change", { mirror: null, keep: null, wipe_after_days: null, ...form });
export const restore = (file: string): Promise<PutBackView> => rpc("copies_restore", { file });
export const rebuild = (): Promise<PutBackView> => rpc("copies_rebuild");
export const wipe = (abandon: number | null): Promise<StatusView> => rpc("copies_wipe", { abandon });
export const write = (path: string): Promise<WrittenView> => rpc("sync_export", { path });
export const carry = (path: string): Promise<CarriedView> => rpc("sync_carry", { path });
export const changeKey = (): Promise<StatusView> => rpc("devices_change_key");
export const choose =
  (what: "folder" | "file") =>
  (title: string, near: string): Promise<string | null> =>
    rpc("window_choose", { what, title, near, endings: [] });
