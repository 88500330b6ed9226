//! The schema, step by step. A database that is newer than this program is refused with a sentence.

use super::store;
use crate::error::Fault;
use rusqlite::{Connection, TransactionBehavior};
use willcall_domain::{clock::UtcMillis, problem::Code};

/// Programs with a lower number must not open a database of this one.
pub const COMPATIBILITY: u32 = 1;

macro_rules! migrations {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../migrations/station/", $name, ".sql")))),+]
    };
}

/// Every step, oldest first.
const MIGRATIONS: &[(&str, &str)] = migrations![
    "20261121100000_create_device",
    "20261121100100_create_journal",
    "20261121100200_create_sync",
    "20261121100300_create_catalog",
    "20261121100400_create_position",
    "20261121100500_create_scan",
    "20261121100600_create_lease",
    "20261121100700_create_till",
    "20261121101000_create_attendance",
];

/// Brings the schema up to date, all or nothing.
///
/// # Errors
/// When the database is newer than this program, or a step fails.
pub fn migrate(connection: &mut Connection, now: UtcMillis) -> Result<(), Fault> {
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
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    store::create_migrations(&tx)?;
    for (name, sql) in MIGRATIONS {
        if !store::is_applied(&tx, name)? {
            store::apply(&tx, name, sql, now)?;
            tracing::info!(migration = name, "applied");
        }
    }
    store::set_compatibility(&tx, COMPATIBILITY)?;
    tx.commit()?;
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
    fn a_database_newer_than_the_program_is_refused_with_a_sentence() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, UtcMillis(0)).unwrap();
        connection.pragma_update(None, "user_version", COMPATIBILITY + 1).unwrap();
        let Err(Fault::Refused(problem)) = migrate(&mut connection, UtcMillis(0)) else { panic!("accepted") };
        assert!(problem.detail.contains("newer program"), "{}", problem.detail);
    }
}
