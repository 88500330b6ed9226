//! Folders of stations as released programs left them: the fixture of a version, filled by the SQL of its time. Later
//! versions only add to that schema, so that the same rows fit them.

use crate::engine;
use anyhow::Context;
use ed25519_dalek::SigningKey;
use rusqlite::{Connection, Transaction, params};
use std::{collections::BTreeSet, fs, path::Path};
use uuid::Uuid;
use willcall_domain::{
    checkin::{Class, Direction},
    clock::{Clock, SystemClock, UtcMillis},
    entropy::{OsEntropy, uuid_v7},
    id::{DeviceId, EntryId, EventId, ListId, PositionId},
    sync::{
        At, Draft, Fact,
        journal::{FIRST, bytes32},
    },
    ticketing::sig1,
};
use willcall_station::{KeyStoreChoice, keys::Keys, ticketing::pack};
use willcall_tests::built;

/// Scans of others beside the tickets of a full station.
const SCANS_OF_OTHERS: u32 = 30_000;
/// Facts that exist only on the station.
const WAITING: u64 = 200;

/// What is in a station of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Never enrolled.
    Empty,
    /// Facts that were not sent.
    Outbox,
    /// The same and so many tickets.
    Full(u32),
}

/// Writes such a folder.
///
/// # Errors
/// When it cannot be written.
pub fn build(version: &str, state: State, folder: &Path) -> anyhow::Result<()> {
    if state == State::Empty {
        return empty(folder);
    }
    engine::copy(&built::repository().join("tests/fixtures").join(version).join("station"), folder)?;
    let mut connection = engine::database(folder)?;
    let tx = connection.transaction()?;
    if let State::Full(tickets) = state {
        fill(&tx, tickets)?;
    }
    leave_waiting(&tx, folder)?;
    tx.commit()?;
    fold(connection)
}

/// Every fact that exists only here, by name and content.
///
/// # Errors
/// When the journal cannot be read.
pub fn waiting(connection: &Connection) -> anyhow::Result<BTreeSet<String>> {
    let sql =
        "SELECT station || ' ' || incarnation || ' ' || seq || ' ' || hex(hash) || ' ' || hex(signature) || ' ' || body
        FROM journal WHERE outcome IS NULL";
    let mut statement = connection.prepare(sql)?;
    let facts = statement.query_map([], |row| row.get(0))?;
    Ok(facts.collect::<Result<_, _>>()?)
}

/// The schema: everything that is in it, and the steps that led to it.
///
/// # Errors
/// When it cannot be read.
pub fn schema(connection: &Connection) -> anyhow::Result<BTreeSet<String>> {
    let sql = "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master
        UNION ALL SELECT 'step ' || name FROM migration UNION ALL SELECT 'version ' || user_version FROM pragma_user_version";
    let mut statement = connection.prepare(sql)?;
    let found = statement.query_map([], |row| row.get(0))?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn empty(folder: &Path) -> anyhow::Result<()> {
    let refused = |problem| anyhow::anyhow!("{problem}");
    Keys::open(folder, KeyStoreChoice::File, false, &OsEntropy).map_err(refused)?;
    let connection = engine::database(folder)?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.execute_batch("CREATE TABLE migration (name TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT")?;
    let steps = built::repository().join("migrations/station");
    let mut names: Vec<String> = fs::read_dir(&steps)?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".sql").map(str::to_owned))
        .filter(|name| name.starts_with("20261121"))
        .collect();
    names.sort();
    for name in names {
        connection.execute_batch(&fs::read_to_string(steps.join(format!("{name}.sql")))?)?;
        connection.execute("INSERT INTO migration (name, at) VALUES (?1, 0)", [name])?;
    }
    connection.execute_batch("PRAGMA user_version = 1")?;
    fold(connection)
}

fn fold(connection: Connection) -> anyhow::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    connection.close().map_err(|(_, error)| error.into())
}

fn fill(tx: &Transaction<'_>, tickets: u32) -> anyhow::Result<()> {
    let (event, item): (i64, i64) =
        tx.query_row("SELECT event_id, id FROM item ORDER BY id LIMIT 1", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let list: i64 = tx.query_row("SELECT id FROM list WHERE event_id = ?1", [event], |row| row.get(0))?;
    let mut ticket = tx.prepare(
        "INSERT INTO position (position_id, order_id, order_code, event_id, item_id, status, flags, issue, name, plain, seed,
            valid_from, valid_until, own, epoch, version)
        VALUES (?1, ?2, ?3, ?4, ?5, 1, 0, 1, ?6, NULL, ?7, NULL, NULL, 0, 1, 1)",
    )?;
    let mut word = tx.prepare("INSERT OR IGNORE INTO position_word (word, position_id) VALUES (?1, ?2)")?;
    let mut scan = tx.prepare(
        "INSERT INTO scan (scan_id, event_id, list_id, position_id, payload_hash, station, incarnation, seq, gate,
            direction, class, reason, at, undone, saw)
        VALUES (?1, ?2, ?3, ?4, NULL, 999, 1, ?5, 'Gate 9', 'entry', 'admitted', NULL, ?6, 0, '[]')",
    )?;
    let mut inside = tx.prepare("INSERT INTO attendance (list_id, ticket, inside) VALUES (?1, ?2, 1)")?;
    let now = SystemClock::new().now();
    for n in 0..tickets {
        let id = PositionId(uuid_v7(now, &OsEntropy));
        let bytes = id.0.as_bytes().as_slice();
        let seed = pack(&sig1::seed(id, 1)).unwrap_or(-1);
        let order = Uuid::from_u128(u128::from(n) + 1);
        ticket.execute(params![
            bytes,
            order.as_bytes().as_slice(),
            format!("C{n:07}"),
            event,
            item,
            format!("Guest Number{n}"),
            seed
        ])?;
        for one in ["guest".to_owned(), format!("number{n}")] {
            word.execute(params![one, bytes])?;
        }
        if n < SCANS_OF_OTHERS.min(tickets / 3) {
            scan.execute(params![uuid_v7(now, &OsEntropy).as_bytes().as_slice(), event, list, bytes, n + 1, now.0])?;
            inside.execute(params![list, bytes])?;
        }
    }
    Ok(())
}

/// Scans that were made and never sent, signed as the station of the folder signs.
#[expect(clippy::too_many_lines, reason = "one entry after the other, as the first version wrote them")]
fn leave_waiting(tx: &Transaction<'_>, folder: &Path) -> anyhow::Result<()> {
    let keys: serde_json::Value = serde_json::from_str(&fs::read_to_string(folder.join("station.key"))?)?;
    let mut secret = [0; 32];
    hex::decode_to_slice(keys["device"].as_str().context("the device key")?, &mut secret)?;
    let key = SigningKey::from_bytes(&secret);
    let (station, incarnation, last, hash): (i64, u32, i64, Vec<u8>) = tx.query_row(
        "SELECT station, incarnation, seq, hash FROM journal ORDER BY incarnation DESC, seq DESC LIMIT 1",
        [],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
    )?;
    let (event, list): (i64, i64) =
        tx.query_row("SELECT event_id, id FROM list LIMIT 1", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (now, boot) = (SystemClock::new().now(), uuid_v7(SystemClock::new().now(), &OsEntropy));
    let mut prev: [u8; 32] = hash.as_slice().try_into().context("a hash")?;
    for n in 0..WAITING {
        let position = PositionId(uuid_v7(now, &OsEntropy));
        let at =
            At { wall: UtcMillis(now.0 + i64::try_from(n)?), offset_ms: 0, uncertainty_ms: 5, boot, monotonic_ms: n };
        let fact = Fact::Scan {
            event_id: EventId(event),
            list_id: ListId(list),
            position_id: Some(position),
            payload_hash: None,
            direction: Direction::Entry,
            class: Class::Admitted,
            reason: None,
            time_by_hand: None,
        };
        let draft = Draft {
            station: DeviceId(station),
            incarnation,
            seq: u64::try_from(last)? + n + 1,
            id: EntryId(uuid_v7(now, &OsEntropy)),
            at,
            saw: Vec::new(),
            fact,
            private: None,
        };
        let entry = draft.seal(&prev, &key)?;
        prev = bytes32(&entry.hash).context("a hash")?;
        let seq = i64::try_from(entry.seq)?;
        tx.execute(
            "INSERT INTO journal (station, incarnation, seq, id, kind, at, saw, body, private_hash, prev_hash, hash, signature)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, '[]', ?7, ?8, ?9, ?10, ?11)",
            params![
                station,
                incarnation,
                seq,
                entry.id.0.as_bytes().as_slice(),
                entry.kind,
                serde_json::to_string(&entry.at)?,
                entry.body,
                FIRST.as_slice(),
                bytes32(&entry.prev_hash).context("a hash")?.as_slice(),
                prev.as_slice(),
                hex::decode(&entry.signature)?
            ],
        )?;
        tx.execute(
            "INSERT INTO scan (scan_id, event_id, list_id, position_id, payload_hash, station, incarnation, seq, gate,
                direction, class, reason, at, undone, saw)
            VALUES (?1, ?2, ?3, ?4, NULL, ?5, ?6, ?7, 'Till 1', 'entry', 'admitted', NULL, ?8, 0, '[]')",
            params![
                entry.id.0.as_bytes().as_slice(),
                event,
                list,
                position.0.as_bytes().as_slice(),
                station,
                incarnation,
                seq,
                entry.at.wall.0
            ],
        )?;
    }
    Ok(())
}
