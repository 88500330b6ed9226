//! The schema, step by step. A database that is newer than this program is refused with a sentence.

use super::store;
use crate::error::Fault;
use rusqlite::{Connection, TransactionBehavior};
use willcall_domain::{clock::UtcMillis, problem::Code};

/// Programs with a lower number must not open a database of this one: the first ones know nothing of units given away or
/// returned, and would sell them again.
pub const COMPATIBILITY: u32 = 2;

/// A name and its SQL.
pub(super) type Step = (&'static str, &'static str);

macro_rules! migrations {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../migrations/station/", $name, ".sql")))),+]
    };
}

/// Every step, oldest first.
pub(super) const MIGRATIONS: &[Step] = migrations![
    "20261121100000_create_device",
    "20261121100100_create_journal",
    "20261121100200_create_sync",
    "20261121100300_create_catalog",
    "20261121100400_create_position",
    "20261121100500_create_scan",
    "20261121100600_create_lease",
    "20261121100700_create_till",
    "20261121101000_create_attendance",
    "20261122090000_device_rights",
    "20261122090100_create_organizer",
    "20261122130000_create_scope",
    "20261122140000_create_standing",
    "20261122140100_create_device_key",
    "20261122140200_create_checkpoint",
    "20261122140300_create_erased",
    "20261122140400_create_station_case",
    "20261122150000_create_lease_word",
    "20261122160000_create_hand_over",
    "20261122160100_create_void",
    "20261122170000_create_right",
    "20261122180000_undo_scans",
    "20261122200000_device_sealing_key",
    "20261122210000_void_blanks_why",
    "20261123010000_create_event_date",
    "20261123030000_position_sold_at",
    "20261123030100_let_go_in_slices",
    "20261123040000_create_door",
    "20261123050000_create_badge",
    "20261123060000_create_operator",
];

/// The first step that is still to be taken in a database that is not new; `None` when there is none.
///
/// # Errors
/// When the database is newer than this program.
pub(super) fn due<'s>(connection: &Connection, steps: &'s [Step]) -> Result<Option<&'s str>, Fault> {
    refuse_newer(connection)?;
    let Some(applied) = store::applied(connection)? else { return Ok(None) };
    Ok(steps.iter().map(|(name, _)| *name).find(|name| !applied.contains(*name)))
}

/// Brings the schema up to date, all or nothing. Where it is, nothing is written.
///
/// # Errors
/// When the database is newer than this program, or a step fails.
pub fn migrate(connection: &mut Connection, now: UtcMillis) -> Result<(), Fault> {
    take(connection, MIGRATIONS, now)
}

/// Takes these steps, all or nothing.
///
/// # Errors
/// As [`migrate`].
pub(super) fn take(connection: &mut Connection, steps: &[Step], now: UtcMillis) -> Result<(), Fault> {
    refuse_newer(connection)?;
    let applied = store::applied(connection)?.unwrap_or_default();
    if steps.iter().all(|(name, _)| applied.contains(*name)) && store::compatibility(connection)? == COMPATIBILITY {
        return Ok(());
    }
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    store::create_migrations(&tx)?;
    for (name, sql) in steps.iter().filter(|(name, _)| !applied.contains(*name)) {
        store::apply(&tx, name, sql, now)?;
        tracing::info!(migration = name, "applied");
    }
    store::set_compatibility(&tx, COMPATIBILITY)?;
    tx.commit()?;
    Ok(())
}

/// Whether a database of this format is from a newer program.
pub(super) fn is_newer(format: u32) -> bool {
    format > COMPATIBILITY
}

fn refuse_newer(connection: &Connection) -> Result<(), Fault> {
    let found = store::compatibility(connection)?;
    if found > COMPATIBILITY {
        return Err(Fault::refused(
            Code::Protocol,
            format!(
                "This station's database was written by a newer program (format {found}, this program knows \
                 {COMPATIBILITY}). Update this program; nothing was changed."
            ),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_migration_file_is_named_here_and_runs() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/station");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str().unwrap().strip_suffix(".sql").map(str::to_owned))
            .collect();
        files.sort();
        assert_eq!(files, MIGRATIONS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, UtcMillis(0)).unwrap();
        migrate(&mut connection, UtcMillis(0)).unwrap();
        assert_eq!(store::compatibility(&connection).unwrap(), COMPATIBILITY);
    }

    #[test]
    fn a_database_of_the_first_version_asks_again_for_what_its_program_passed_over() {
        let mut connection = Connection::open_in_memory().unwrap();
        let tx = connection.transaction().unwrap();
        store::create_migrations(&tx).unwrap();
        for (name, sql) in MIGRATIONS.iter().filter(|(name, _)| name.starts_with("20261121")) {
            store::apply(&tx, name, sql, UtcMillis(0)).unwrap();
        }
        let filled = "INSERT INTO history (history) VALUES (randomblob(16));
            INSERT INTO cursor (one, epoch, position) VALUES (1, 1, 70);
            INSERT INTO device VALUES (4, 3, 'House', 'Door', '', 'door', '[7]', 'https://t.example', 'token',
                randomblob(32), randomblob(32), 1, 0, 9, 1, 0);";
        tx.execute_batch(filled).unwrap();
        tx.commit().unwrap();
        migrate(&mut connection, UtcMillis(0)).unwrap();
        let read = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
        let device = read("SELECT rights || ' ' || version FROM device");
        assert_eq!(device, "[\"search\"] 0", "the row it has is taken again, and whoever could search still may");
        assert_eq!(read("SELECT count(*) || '' FROM cursor"), "0", "with a snapshot");
    }

    #[test]
    fn a_database_newer_than_the_program_is_refused_with_a_sentence() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, UtcMillis(0)).unwrap();
        connection.pragma_update(None, "user_version", COMPATIBILITY + 1).unwrap();
        let Err(Fault::Refused(problem)) = migrate(&mut connection, UtcMillis(0)) else { panic!("accepted") };
        assert!(problem.detail.contains("newer program"), "{}", problem.detail);
    }
}
