// Backups of the memory host.
import type { BackupView } from "../../generated/BackupView";
import type { CopiesForm } from "../../generated/CopiesForm";
import type { CopiesView } from "../../generated/CopiesView";

const FOLDER = "/home/till/.local/share/org.willcall.desktop/backups";

function backup(at: number): BackupView {
  const stamp = new Date(at).toISOString().replaceAll(/[-:]|\.\d+/gu, "");
  const name = `willcall-${stamp}-0000.db`;
  return { file: `${FOLDER}/${name}`, name, at, bytes: 9_400_000 };
}

export const copies = (now: number): CopiesView => ({
  folder: FOLDER,
  keep: 8,
  backups: [12, 27, 44, 61, 1500].map((minutes) => backup(now - minutes * 60_000)),
  mirror: { folder: "/media/till/STICK/willcall", state: "follows" },
  wipe_after_days: null,
});

export const withOneMore = (view: CopiesView, now: number): CopiesView => ({
  ...view,
  backups: [backup(now), ...view.backups].slice(0, view.keep),
});

export function changed(view: CopiesView, { mirror, keep, wipe_after_days }: CopiesForm): CopiesView {
  return {
    ...view,
    keep: keep ?? view.keep,
    wipe_after_days: wipe_after_days === 0 ? null : (wipe_after_days ?? view.wipe_after_days),
    mirror: mirror === null ? view.mirror : mirror === "" ? null : { folder: mirror, state: "follows" },
  };
}
