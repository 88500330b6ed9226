//! SQL of this station's enrolments.

use crate::error::Fault;
use ed25519_dalek::VerifyingKey;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use willcall_domain::{
    clock::UtcMillis,
    devices::{
        DeviceCertificate, DeviceSetup,
        wire::{EnrolAnswer, Right, Role},
    },
    id::{DeviceId, EventId, OrganizerId},
    sync::{Entry, KeyHistory, change::DeviceRow, key_history::HeldKey, sealing::SealingKey},
};

/// Who this station is. Cloned freely; read anew whenever its row changes.
#[derive(Debug, Clone)]
pub struct Identity {
    pub device_id: DeviceId,
    pub organizer_id: OrganizerId,
    pub organizer_name: String,
    pub name: String,
    pub gate: String,
    pub role: Role,
    pub events: Vec<EventId>,
    /// What it may do besides its role; what of it may be done now also hangs on who is signed in.
    pub rights: Vec<Right>,
    pub setup: DeviceSetup,
    pub url: String,
    pub token: String,
    pub server_key: VerifyingKey,
    pub public_key: VerifyingKey,
    pub incarnation: u32,
    pub revoked: bool,
}

impl Identity {
    /// Whether it is told people's names.
    #[must_use]
    pub fn sees_names(&self) -> bool {
        self.role.sees_names(&self.rights)
    }

    /// What people call this place: the gate where there is one, else the station's name.
    #[must_use]
    pub fn place(&self) -> &str {
        if self.gate.is_empty() { &self.name } else { &self.gate }
    }
}

const COLUMNS: &str = "device_id, organizer_id, organizer_name, name, gate, role, events, server_url, device_token, \
                       server_key, public_key, incarnation, revoked, rights, setup";

fn role_of(text: &str) -> Result<Role, Fault> {
    [Role::Door, Role::Till]
        .into_iter()
        .find(|role| role.as_str() == text)
        .ok_or_else(|| Fault::Data(format!("{text:?} is no role")))
}

fn key_of(blob: &[u8]) -> Result<VerifyingKey, Fault> {
    let bytes = blob.try_into().map_err(|_| Fault::Data("a key is not 32 bytes".into()))?;
    VerifyingKey::from_bytes(bytes).map_err(|_| Fault::Data("a key is no key".into()))
}

fn read(row: &Row<'_>) -> Result<Identity, Fault> {
    Ok(Identity {
        device_id: DeviceId(row.get(0)?),
        organizer_id: OrganizerId(row.get(1)?),
        organizer_name: row.get(2)?,
        name: row.get(3)?,
        gate: row.get(4)?,
        role: role_of(&row.get::<_, String>(5)?)?,
        events: serde_json::from_str(&row.get::<_, String>(6)?)?,
        url: row.get(7)?,
        token: row.get(8)?,
        server_key: key_of(&row.get::<_, Vec<u8>>(9)?)?,
        public_key: key_of(&row.get::<_, Vec<u8>>(10)?)?,
        incarnation: row.get(11)?,
        revoked: row.get(12)?,
        rights: Right::known(&serde_json::from_str::<Vec<String>>(&row.get::<_, String>(13)?)?),
        setup: serde_json::from_str(&row.get::<_, String>(14)?)?,
    })
}

/// The enrolment in force; `None` before the first.
pub fn current(connection: &Connection) -> Result<Option<Identity>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM device WHERE is_current = 1");
    connection.prepare_cached(&sql)?.query_row([], |row| Ok(read(row))).optional()?.transpose()
}

/// Keeps a new enrolment as the one in force.
pub fn keep(
    tx: &Transaction<'_>,
    answer: &EnrolAnswer,
    url: &str,
    public_key: &VerifyingKey,
    incarnation: u32,
    now: UtcMillis,
) -> Result<(), Fault> {
    let server_key = willcall_domain::ticketing::key::public_key(&answer.server_key)
        .map_err(|e| Fault::Data(format!("the server's key: {e}")))?;
    tx.execute("UPDATE device SET is_current = 0", [])?;
    let sql = format!(
        "INSERT INTO device ({COLUMNS}, is_current, enrolled_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 0, ?14, '{{}}', 1, ?13)
        ON CONFLICT (device_id) DO UPDATE SET is_current = 1, server_url = excluded.server_url,
            device_token = excluded.device_token, server_key = excluded.server_key, public_key = excluded.public_key,
            incarnation = excluded.incarnation, revoked = 0, enrolled_at = excluded.enrolled_at"
    );
    tx.execute(
        &sql,
        params![
            answer.device_id.0,
            answer.organizer_id.0,
            answer.organizer_name,
            answer.name,
            answer.gate,
            answer.role.as_str(),
            serde_json::to_string(&answer.events)?,
            url,
            answer.device_token,
            server_key.as_bytes().as_slice(),
            public_key.as_bytes().as_slice(),
            incarnation,
            now.0,
            serde_json::to_string(&DeviceSetup::default().meant(&answer.rights))?,
        ],
    )?;
    put_key(tx, answer.device_id, HeldKey { key: *public_key, after: (0, 0) })
}

/// What is sealed to the server of this enrolment's organizer; `None` until it was told, or of an enrolment not known.
pub fn sealing_key(connection: &Connection, station: DeviceId) -> Result<Option<SealingKey>, Fault> {
    let mut statement = connection.prepare_cached("SELECT sealing_key FROM device WHERE device_id = ?1")?;
    let blob: Option<[u8; 32]> = statement.query_row([station.0], |row| row.get(0)).optional()?.flatten();
    let key = blob.map(|bytes| SealingKey::from_bytes(&bytes)).transpose();
    key.map_err(|error| Fault::Data(format!("a sealing key: {error}")))
}

/// Keeps what the server told.
pub fn keep_sealing_key(tx: &Transaction<'_>, station: DeviceId, key: &SealingKey) -> Result<(), Fault> {
    let sql = "UPDATE device SET sealing_key = ?2 WHERE device_id = ?1 AND sealing_key IS NOT ?2";
    tx.prepare_cached(sql)?.execute(params![station.0, key.to_bytes()])?;
    Ok(())
}

/// Keeps a key of an enrolment; one that is known for the same entry stays.
pub fn put_key(tx: &Transaction<'_>, station: DeviceId, held: HeldKey) -> Result<(), Fault> {
    let (incarnation, seq) = held.after;
    let sql = "INSERT INTO device_key (station, incarnation, seq, public_key) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT DO NOTHING";
    let seq = i64::try_from(seq).map_err(|_| Fault::Data("a number is too large".into()))?;
    tx.prepare_cached(sql)?.execute(params![station.0, incarnation, seq, held.key.as_bytes().as_slice()])?;
    Ok(())
}

/// A change of keys, as its entry says it: what comes after it is signed by the new one.
pub fn project_key_changed(tx: &Transaction<'_>, entry: &Entry) -> Result<(), Fault> {
    let Some(mut history) = key_history(tx, entry.station)? else { return Ok(()) };
    let changed = history.change(entry).map_err(|error| Fault::Data(format!("a change of keys: {error}")))?;
    if let Some(held) = changed {
        put_key(tx, entry.station, held)?;
        let sql = "UPDATE device SET public_key = ?2 WHERE device_id = ?1";
        tx.execute(sql, params![entry.station.0, history.newest().as_bytes().as_slice()])?;
    }
    Ok(())
}

fn key_history(connection: &Connection, station: DeviceId) -> Result<Option<KeyHistory>, Fault> {
    let all = key_histories(connection)?;
    Ok(all.into_iter().find(|(of, _)| *of == station).map(|(_, history)| history))
}

/// Whether an enrolment writes in this incarnation, under this key. Of one that is not known nothing can be said.
pub fn writes(tx: &Transaction<'_>, station: DeviceId, incarnation: u32, key: &VerifyingKey) -> Result<bool, Fault> {
    let sql = "SELECT public_key = ?3 AND incarnation = ?2 FROM device WHERE device_id = ?1";
    let of = params![station.0, incarnation, key.as_bytes().as_slice()];
    Ok(tx.prepare_cached(sql)?.query_row(of, |row| row.get(0)).optional()?.unwrap_or(true))
}

/// The newest key that is known of an enrolment is the one that signs.
pub fn follow_keys(tx: &Transaction<'_>, station: DeviceId) -> Result<(), Fault> {
    if let Some(history) = key_history(tx, station)? {
        let sql = "UPDATE device SET public_key = ?2 WHERE device_id = ?1 AND public_key <> ?2";
        tx.execute(sql, params![station.0, history.newest().as_bytes().as_slice()])?;
    }
    Ok(())
}

/// The keys of every enrolment of this machine, each with its changes.
pub fn key_histories(connection: &Connection) -> Result<Vec<(DeviceId, KeyHistory)>, Fault> {
    let sql = "SELECT station, incarnation, seq, public_key FROM device_key ORDER BY station, incarnation, seq";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut out: Vec<(DeviceId, KeyHistory)> = Vec::new();
    while let Some(row) = rows.next()? {
        let (station, key) = (DeviceId(row.get(0)?), key_of(&row.get::<_, Vec<u8>>(3)?)?);
        let after = (row.get(1)?, row.get::<_, i64>(2)?.unsigned_abs());
        match out.last_mut().filter(|(of, _)| *of == station) {
            Some((_, history)) => history.add(HeldKey { key, after }),
            None => out.push((station, KeyHistory::of(key))),
        }
    }
    Ok(out)
}

/// The first key of every enrolment, and its changes.
pub fn keys_of_all(connection: &Connection) -> Result<Vec<(DeviceId, VerifyingKey, Vec<HeldKey>)>, Fault> {
    let histories = key_histories(connection)?.into_iter();
    Ok(histories.map(|(station, history)| (station, *history.at(0, 0), history.changes().to_vec())).collect())
}

/// Every enrolment of this machine whose journal has entries the server has not confirmed; the one in force last.
pub fn with_entries_waiting(connection: &Connection) -> Result<Vec<Identity>, Fault> {
    let sql = format!(
        "SELECT {COLUMNS} FROM device WHERE EXISTS (SELECT 1 FROM journal WHERE station = device_id AND outcome IS NULL)
        ORDER BY is_current, device_id"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(read(row)?);
    }
    Ok(out)
}

/// Goes on under a new incarnation number.
pub fn open_incarnation(tx: &Transaction<'_>, station: DeviceId, incarnation: u32) -> Result<(), Fault> {
    tx.execute("UPDATE device SET incarnation = ?2 WHERE device_id = ?1", params![station.0, incarnation])?;
    Ok(())
}

/// Takes what the organizer set of this device; a row that is older by `(epoch, version)` changes nothing.
pub fn apply_row(tx: &Transaction<'_>, row: &DeviceRow, epoch: i64) -> Result<bool, Fault> {
    let sql = "UPDATE device SET name = ?2, gate = ?3, role = ?4, events = ?5, revoked = ?6, version = ?7, rights = ?8,
            epoch = ?9, setup = ?10
        WHERE device_id = ?1 AND is_current = 1
            AND ((epoch, version) < (?9, ?7) OR (epoch, version) = (?9, ?7) AND (setup, rights) <> (?10, ?8))";
    let events = serde_json::to_string(&row.events)?;
    let rights = serde_json::to_string(&row.setup.meant(&row.rights))?;
    let setup = serde_json::to_string(&row.setup)?;
    let (id, role) = (row.device_id.0, row.role.as_str());
    let of = params![id, row.name, row.gate, role, events, row.revoked, row.version, rights, epoch, setup];
    let changed = tx.execute(sql, of)?;
    Ok(changed > 0)
}

/// The organizer goes by this name now.
pub fn name_organizer(tx: &Transaction<'_>, organizer: OrganizerId, name: &str) -> Result<(), Fault> {
    tx.execute("UPDATE device SET organizer_name = ?2 WHERE organizer_id = ?1", params![organizer.0, name])?;
    Ok(())
}

/// The server said that this device is switched off.
pub fn set_revoked(tx: &Transaction<'_>, station: DeviceId) -> Result<(), Fault> {
    tx.execute("UPDATE device SET revoked = 1 WHERE device_id = ?1", [station.0])?;
    Ok(())
}

/// Keeps what the server signed of this enrolment; answers whether it was news.
pub fn put_certificate(
    tx: &Transaction<'_>,
    station: DeviceId,
    certificate: &DeviceCertificate,
) -> Result<bool, Fault> {
    let sql = "INSERT INTO device_certificate (station, body, signature) VALUES (?1, ?2, ?3)
        ON CONFLICT (station) DO UPDATE SET body = excluded.body, signature = excluded.signature
        WHERE excluded.body <> device_certificate.body";
    let values = params![station.0, certificate.body, certificate.signature];
    Ok(tx.prepare_cached(sql)?.execute(values)? > 0)
}

/// What the server last signed of this enrolment.
pub fn certificate(tx: &Transaction<'_>, station: DeviceId) -> Result<Option<DeviceCertificate>, Fault> {
    let sql = "SELECT body, signature FROM device_certificate WHERE station = ?1";
    let read = |row: &Row<'_>| Ok(DeviceCertificate { body: row.get(0)?, signature: row.get(1)? });
    Ok(tx.prepare_cached(sql)?.query_row([station.0], read).optional()?)
}

/// The device keys of every enrolment of this machine.
pub fn public_keys(connection: &Connection) -> Result<Vec<(DeviceId, VerifyingKey)>, Fault> {
    let mut statement = connection.prepare("SELECT device_id, public_key FROM device ORDER BY device_id")?;
    let mut rows = statement.query([])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        keys.push((DeviceId(row.get(0)?), key_of(&row.get::<_, Vec<u8>>(1)?)?));
    }
    Ok(keys)
}

/// Notes what became of a damaged file.
pub fn note_recovery(tx: &Transaction<'_>, at: UtcMillis, report: &str) -> Result<(), Fault> {
    let sql =
        "INSERT INTO recovery (at, report) VALUES (?1, ?2) ON CONFLICT (at) DO UPDATE SET report = excluded.report";
    tx.execute(sql, params![at.0, report])?;
    Ok(())
}

/// What became of the last damaged file.
pub fn recovery(tx: &Transaction<'_>) -> Result<Option<String>, Fault> {
    Ok(tx.query_row("SELECT report FROM recovery ORDER BY at DESC LIMIT 1", [], |row| row.get(0)).optional()?)
}
