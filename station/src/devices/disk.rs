//! The disk as a running station stands on it: what there is room for on its screens, and the eye that is kept on it:
//! ballast is taken on, scans that were refused are recorded, what is not needed any more is removed.

use crate::{change_feed::Topic, db::before, error::Fault, journal, station::Station};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use willcall_domain::{
    devices::{
        disk::{DiskReading, Room},
        wire::DiskView,
    },
    problem::{Code, Problem},
};

/// How often the disk is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How the disk stands.
#[must_use]
pub fn reading(station: &Station) -> DiskReading {
    DiskReading { not_recorded: station.unrecorded().count() as u64, ..station.db().disk().reading() }
}

/// The same for the screens.
#[must_use]
pub fn view(station: &Station) -> DiskView {
    let (reading, disk) = (reading(station), station.db().disk());
    DiskView {
        room: reading.room(),
        free_bytes: reading.free_bytes,
        ballast_bytes: reading.ballast_bytes,
        short_bytes: reading.short_of_a_sale_by(),
        database_bytes: disk.database_bytes(),
        log_bytes: disk.log_bytes(),
        not_recorded: reading.not_recorded,
    }
}

/// Whether a sale may begin: decided before money is taken.
///
/// # Errors
/// `disk-full` when it may not.
pub fn room_for_a_sale(station: &Station) -> Result<(), Problem> {
    let reading = reading(station);
    if reading.room() == Room::Enough {
        return Ok(());
    }
    let mb = |bytes: u64| bytes.div_ceil(1 << 20);
    let short = match reading.short_of_a_sale_by() {
        0 => "The disk did not take what was last written.".to_owned(),
        short => format!("{} MB must be freed on this machine's disk.", mb(short)),
    };
    let detail = format!("{short} Nothing was sold: take no money. Scanning goes on.");
    Err(Problem::new(Code::DiskFull, detail))
}

/// Keeps an eye on the disk until cancelled.
pub async fn watch(station: &Station, cancel: &CancellationToken) {
    let mut shown = None;
    let mut every = tokio::time::interval(LOOK_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = cancel.cancelled() => break,
            _ = every.tick() => {}
        }
        look_after(station).await;
        let room = reading(station).room();
        if shown.replace(room).is_some_and(|before| before != room) {
            station.feed().announce(&[Topic::Status, Topic::Till, Topic::Door]);
        }
    }
    look_after(station).await;
    let lost = station.unrecorded().count();
    if lost > 0 {
        tracing::error!(scans = lost, "the program ends and the disk has not taken these scans");
    }
}

/// Looks after the disk once.
pub async fn look_after(station: &Station) {
    let disk = station.db().disk();
    let tended = tokio::task::spawn_blocking(move || disk.tend()).await;
    let recorded = record_what_was_refused(station).await;
    match &recorded {
        Ok(0) => {}
        Ok(_) => station.feed().announce_fact(&[Topic::Status, Topic::Till, Topic::Door]),
        Err(fault) => tracing::error!(%fault, "scans are still not recorded"),
    }
    if tended.unwrap_or(false) {
        station.feed().announce(&[Topic::Status, Topic::Till]);
    }
    forget_copies(station).await;
}

async fn record_what_was_refused(station: &Station) -> Result<usize, Fault> {
    let unrecorded = station.unrecorded();
    let Some(identity) = station.identity().filter(|_| unrecorded.count() > 0) else { return Ok(0) };
    let pen = station.pen(&identity, station.reading().at)?;
    station.db().with_writer(move |writer| unrecorded.record(writer, &pen)).await
}

/// Removes the copies from before a migration once the migrated database has proven itself: caught up with the server in
/// this run, and every entry that exists only here can be read by this program.
pub async fn forget_copies(station: &Station) {
    let caught_up = station.data_age().is_some_and(|age| !age.at_least);
    if !caught_up || before::kept(station.folder()).is_empty() {
        return;
    }
    let forgotten = match station.db().read(journal::unreadable_waiting).await {
        Ok(0) => before::forget(station.folder()).map_err(Fault::from),
        Ok(entries) => {
            tracing::debug!(entries, "the copy from before the migration stays: what waits cannot all be read");
            return;
        }
        Err(fault) => Err(fault),
    };
    if let Err(fault) = forgotten {
        tracing::warn!(%fault, "the copy from before the migration stays");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::*;
    use willcall_domain::{devices::disk::BALLAST_BYTES, devices::wire::Role};

    #[tokio::test]
    async fn ballast_is_taken_on_by_the_first_look_and_shown() {
        let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
        let station = open(folder.path(), &server);
        assert_eq!(station.status().await.unwrap().disk.ballast_bytes, 0, "a command that only asks takes none on");
        look_after(&station).await;
        let disk = station.status().await.unwrap().disk;
        assert_eq!((disk.room, disk.ballast_bytes, disk.short_bytes), (Room::Enough, BALLAST_BYTES, 0));
        assert!(disk.free_bytes.unwrap() > 0 && disk.database_bytes + disk.log_bytes > 0);
    }

    #[tokio::test]
    async fn the_copy_from_before_a_migration_goes_with_the_first_good_sync() {
        let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
        drop(ready(folder.path(), &server).await);
        let copy = folder.path().join("willcall.db.before-20990101000000");
        std::fs::write(&copy, "a copy").unwrap();
        server.state().online = false;
        let station = open(folder.path(), &server);
        station.sync_once().await.unwrap_err();
        look_after(&station).await;
        assert!(copy.exists(), "without a link nothing is known");
        server.state().online = true;
        station.sync_once().await.unwrap();
        assert!(!copy.exists());
    }

    #[tokio::test]
    async fn the_copy_stays_while_entries_wait_that_this_program_cannot_read() {
        let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
        let station = ready(folder.path(), &server).await;
        let copy = folder.path().join("willcall.db.before-20990101000000");
        std::fs::write(&copy, "a copy").unwrap();
        let unreadable = |tx: &rusqlite::Transaction<'_>| {
            let sql = "UPDATE journal SET body = '{\"kind\":\"of a later program\"}', outcome = NULL WHERE seq = 1";
            assert_eq!(tx.execute(sql, [])?, 1);
            Ok(())
        };
        station.db().write(unreadable).await.unwrap();
        look_after(&station).await;
        assert!(copy.exists());
    }
}
