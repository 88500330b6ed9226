//! Opening a data folder: finishing what a crash left half done, and finding out whether the database is whole and the
//! station's newest. A database that is damaged or gone is put together again from the newest backup, the mirrors and what
//! can be read of the old file; nothing is ever overwritten.

use super::{
    backup,
    mark::Marks,
    mirror::{self, MirrorKey},
    places::Places,
    standing, store,
};
use crate::{
    access,
    db::{self, Database, open::Aside},
    devices::{
        self, Identity,
        enrol::{Begin, begin_in},
    },
    error::Fault,
    journal::{self, Pen, recover},
    keys::{KeptEnrolment, KeptKey, Keys, Secrets},
    station::{Host, StationConfig},
    sync, ticketing,
};
use ed25519_dalek::VerifyingKey;
use rusqlite::{Connection, Transaction};
use std::{
    cell::RefCell,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};
use uuid::Uuid;
use willcall_domain::{
    clock::UtcMillis,
    id::DeviceId,
    problem::Problem,
    sync::{
        At, Entry, Fact, KeyHistory,
        journal::bytes32,
        key_history::HeldKey,
        standing::{Doubt, DoubtKind, Here, Mark, at_open},
    },
    ticketing::EventKey,
};

/// Newest backups that are read when entries are missing.
const BACKUPS_READ: usize = 3;

/// What a folder is opened with.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    pub config: &'a StationConfig,
    pub host: &'a Host,
    pub keys: &'a Keys,
    pub places: &'a Places,
    pub boot: Uuid,
}

/// How a folder is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    AsItIs,
    /// With this backup in the place of the database; what is newer in that stays.
    From(PathBuf),
    /// With a new database, into which the journal is taken over; all else comes from the server.
    Anew,
}

/// What is read of the database when it is opened.
#[derive(Debug, Default)]
pub struct Loaded {
    pub identity: Option<Identity>,
    pub event_keys: Vec<EventKey>,
    pub remembered: sync::Remembered,
    pub floor: Option<UtcMillis>,
}

/// A database that is put together again.
struct Again {
    /// The old file, where there is one.
    aside: Option<PathBuf>,
    /// The backup to begin with.
    base: Option<PathBuf>,
    /// What happened, in a sentence's beginning.
    why: String,
}

impl Opening<'_> {
    /// Opens.
    ///
    /// # Errors
    /// A sentence when the keys, the disk or the program's version do not allow it. Damage is no error.
    pub fn open(&self, lock: File, secrets: &mut Secrets, how: &How) -> Result<(Database, Loaded), Problem> {
        let there = db::open::path(&self.config.data).exists();
        if db::open::is_log_alone(&self.config.data) {
            let aside = self.set_aside(Aside::Corrupt)?;
            tracing::error!(aside = %aside.display(), "the database is gone; its log of writes is set aside");
        }
        match how {
            How::AsItIs if !there && secrets.enrolment.is_some() => {
                let base = self.newest_backup(secrets)?;
                let why = "The database was gone".to_owned();
                self.put_together(&Again { aside: None, base, why }, lock, secrets)
            }
            How::AsItIs => match self.attempt(secrets, lock) {
                Ok(opened) => Ok(opened),
                Err((fault, lock)) if fault.is_damage() => self.after_damage(&fault, lock, secrets),
                Err((fault, _)) => Err(fault.into()),
            },
            How::From(_) | How::Anew => {
                let aside = if there { Some(self.set_aside(Aside::Replaced)?) } else { None };
                let base = if let How::From(file) = how { Some(file.clone()) } else { None };
                let why = match &base {
                    Some(file) => format!("The backup {} was put back", file.display()),
                    None => "The database was made anew".to_owned(),
                };
                self.put_together(&Again { aside, base, why }, lock, secrets)
            }
        }
    }

    fn after_damage(&self, fault: &Fault, lock: File, secrets: &mut Secrets) -> Result<(Database, Loaded), Problem> {
        tracing::error!(cause = %fault, "the database is damaged; it is set aside");
        let aside = self.set_aside(Aside::Corrupt)?;
        let base = self.newest_backup(secrets)?;
        let name = aside.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let why = format!("The database was damaged and set aside as {name}");
        self.put_together(&Again { aside: Some(aside), base, why }, lock, secrets)
    }

    fn set_aside(&self, why: Aside) -> Result<PathBuf, Problem> {
        let now = self.host.clock.now();
        db::open::set_aside(&self.config.data, now, why).map_err(|e| Problem::from(Fault::from(e)))
    }

    fn newest_backup(&self, secrets: &Secrets) -> Result<Option<PathBuf>, Problem> {
        let key = secrets.database_key()?;
        let mut all = backup::files(&self.places.backups(&self.config.data));
        all.reverse();
        Ok(all.into_iter().find(|file| match db::open::unusable(file, &key) {
            None => true,
            Some(why) => {
                tracing::warn!(file = %file.display(), why, "a backup cannot be used");
                false
            }
        }))
    }

    fn attempt(&self, secrets: &mut Secrets, lock: File) -> Result<(Database, Loaded), (Fault, File)> {
        let key = match secrets.database_key() {
            Ok(key) => key,
            Err(problem) => return Err((problem.into(), lock)),
        };
        let mut loaded = Loaded::default();
        let check = |connection: &Connection| {
            loaded = self.examine(connection, secrets)?;
            Ok(())
        };
        let db = db::open::open(&self.config.data, &key, lock, self.host.clock.now(), check)?;
        Ok((db, loaded))
    }

    /// Looks at what was opened, and brings to an end what was half done.
    fn examine(&self, connection: &Connection, secrets: &mut Secrets) -> Result<Loaded, Fault> {
        self.finish(connection, secrets)?;
        if let Some(who) = devices::current(connection)? {
            let keys = devices::key_histories(connection)?;
            if let Some((_, history)) = keys.iter().find(|(station, _)| *station == who.device_id) {
                journal::verify::verify_tail(connection, who.device_id, who.incarnation, history)?;
            }
            self.examine_standing(connection, secrets, &who)?;
        }
        load(connection)
    }

    /// An enrolment or a change of keys that the keychain knows and the database does not, or the other way round.
    fn finish(&self, connection: &Connection, secrets: &mut Secrets) -> Result<(), Fault> {
        let before = secrets.clone();
        let here = devices::current(connection)?.map(|who| who.device_id);
        if let Some(kept) = secrets.enrolment.clone()
            && here != Some(kept.answer.device_id)
        {
            tracing::warn!(device = kept.answer.device_id.0, "an enrolment was not finished; it is now");
            self.finish_enrolment(connection, secrets, &kept)?;
        }
        if let Some(who) = devices::current(connection)? {
            let next = secrets.next_device_key()?;
            if next.is_some_and(|next| next.verifying_key() == who.public_key) {
                *secrets = secrets.promoted();
            }
            let tx = connection.unchecked_transaction()?;
            for (station, held) in kept_keys(secrets) {
                devices::put_key(&tx, station, held)?;
            }
            devices::follow_keys(&tx, who.device_id)?;
            tx.commit()?;
            secrets.remember_keys(devices::keys_of_all(connection)?);
        }
        if *secrets != before {
            self.keys.save(secrets)?;
        }
        Ok(())
    }

    fn finish_enrolment(
        &self,
        connection: &Connection,
        secrets: &mut Secrets,
        kept: &KeptEnrolment,
    ) -> Result<(), Fault> {
        let old_key = Arc::new(secrets.device_key()?);
        let key = secrets.next_device_key()?.map_or_else(|| old_key.clone(), Arc::new);
        let tx = connection.unchecked_transaction()?;
        let (entropy, software) = (self.host.entropy.clone(), self.config.software.clone());
        begin_in(&tx, &Begin { kept, old_key, key, entropy, at: self.at(), software })?;
        if kept.begun {
            // Its journal was begun, and is not here: whatever the marks say, this database is not the newest.
            store::note_marked(&tx, kept.answer.device_id, kept.incarnation)?;
        }
        tx.commit()?;
        *secrets = secrets.promoted();
        if let Some(kept) = &mut secrets.enrolment {
            kept.begun = true;
        }
        Ok(())
    }

    fn at(&self) -> At {
        let (wall, monotonic_ms) = (self.host.clock.now(), self.host.clock.monotonic_ms());
        At { wall, offset_ms: 0, uncertainty_ms: -1, boot: self.boot, monotonic_ms }
    }

    /// Whether this database is the station's newest; what is missing is looked for in the copies that are at hand.
    fn examine_standing(&self, connection: &Connection, secrets: &mut Secrets, who: &Identity) -> Result<(), Fault> {
        let marks = Marks::of(&self.config.data, self.keys).read();
        let mut doubt = self.doubt(connection, who, &marks)?;
        if doubt.as_ref().is_some_and(|d| d.kind == DoubtKind::Behind) {
            let found = self.fill_up(connection, secrets)?;
            tracing::warn!(found, "the database ends before its mark; entries were taken from copies");
            doubt = self.doubt(connection, who, &marks)?;
        }
        self.look_for_frozen(connection, secrets, who)?;
        let mine: Vec<&Mark> = marks.iter().filter(|m| m.station == who.device_id).collect();
        let tx = connection.unchecked_transaction()?;
        for mark in &mine {
            if let Some(resume) = &mark.resume {
                store::put_resume(&tx, who.device_id, mark.at.incarnation, resume)?;
            }
        }
        tx.commit()?;
        let Some(doubt) = doubt else { return Ok(()) };
        let kept = secrets.enrolment.as_ref().map_or(0, |kept| kept.incarnation);
        let highest = mine.iter().map(|m| m.at.incarnation).chain([kept, who.incarnation]).max().unwrap_or(kept);
        let frozen: Vec<_> = mine.iter().flat_map(|m| m.frozen.iter().cloned()).collect();
        let mut life = store::life(connection, who.device_id, who.incarnation)?;
        life.doubt(doubt, highest + 1, &frozen);
        self.keep_incarnation(secrets, life.incarnation)?;
        let tx = connection.unchecked_transaction()?;
        let pen = Pen {
            station: who.device_id,
            incarnation: life.incarnation,
            key: Arc::new(secrets.device_key()?),
            entropy: self.host.entropy.clone(),
            at: self.at(),
            gate: who.place().to_owned(),
        };
        standing::begin_to_doubt(&tx, &pen, &life, &self.config.software)?;
        tx.commit()?;
        Ok(())
    }

    /// Entries that were missing before may have turned up, on a stick that is back.
    fn look_for_frozen(&self, connection: &Connection, secrets: &Secrets, who: &Identity) -> Result<(), Fault> {
        let life = store::life(connection, who.device_id, who.incarnation)?;
        if life.missing().is_empty() || self.fill_up(connection, secrets)? == 0 {
            return Ok(());
        }
        let tx = connection.unchecked_transaction()?;
        standing::look_again(&tx, who, self.host.clock.now())?;
        tx.commit()?;
        Ok(())
    }

    /// Before anything is written under a new number, it is known outside that it is taken.
    fn keep_incarnation(&self, secrets: &mut Secrets, incarnation: u32) -> Result<(), Problem> {
        if let Some(kept) = &mut secrets.enrolment {
            kept.incarnation = kept.incarnation.max(incarnation);
        }
        self.keys.save(secrets)
    }

    fn doubt(&self, connection: &Connection, who: &Identity, marks: &[Mark]) -> Result<Option<Doubt>, Fault> {
        let station = who.device_id;
        let opening = willcall_domain::sync::standing::Opening {
            station,
            machine: &self.host.machine,
            was_marked: store::was_marked(connection, station)?,
            marks,
        };
        let failed = RefCell::new(None);
        let doubt = at_open(&opening, |point| {
            journal::here(connection, station, point).unwrap_or_else(|fault| {
                *failed.borrow_mut() = Some(fault);
                Here::Lacking
            })
        });
        failed.into_inner().map_or(Ok(doubt), Err)
    }

    /// Adds what the copies have and the database lacks; answers how many entries that were.
    fn fill_up(&self, connection: &Connection, secrets: &Secrets) -> Result<usize, Fault> {
        let key = secrets.database_key()?;
        let mut entries = self.mirrored(&key);
        let backups = backup::files(&self.places.backups(&self.config.data));
        for file in backups.iter().rev().take(BACKUPS_READ) {
            entries.extend(recover::read(&|| db::open::salvage(file, &key)));
        }
        let salvaged = recover::verified(entries, &devices::key_histories(connection)?);
        let tx = connection.unchecked_transaction()?;
        let news = recover::restore(&tx, &salvaged.entries)?;
        erase_again(&tx)?;
        tx.commit()?;
        Ok(news)
    }

    fn mirrored(&self, key: &[u8; 32]) -> Vec<Entry> {
        let key = MirrorKey::of(key);
        self.places.mirrors(&self.config.data).iter().flat_map(|folder| mirror::read(folder, &key)).collect()
    }

    /// Makes a database of the backup to begin with and every entry that can be found, in a new file that takes its name
    /// only when it is whole.
    fn put_together(&self, again: &Again, lock: File, secrets: &mut Secrets) -> Result<(Database, Loaded), Problem> {
        let (key, now) = (secrets.database_key()?, self.host.clock.now());
        let mut keys = known_keys(secrets);
        let mut entries = self.mirrored(&key);
        for file in again.aside.iter().chain(&again.base) {
            let open = || db::open::salvage(file, &key);
            let known = open().map_err(Fault::from).and_then(|c| devices::key_histories(&c)).unwrap_or_default();
            keys.extend(known.into_iter().filter(|(id, _)| !keys.iter().any(|(k, _)| k == id)).collect::<Vec<_>>());
            if again.aside.as_ref() == Some(file) {
                entries.extend(recover::read(&open));
            }
        }
        let salvaged = recover::verified(entries, &keys);
        let old = match (&again.aside, &again.base) {
            (Some(aside), None) => db::open::salvage(aside, &key).ok(),
            _ => None,
        };
        let fill = |connection: &mut Connection| -> Result<(), Fault> {
            let tx = connection.transaction()?;
            if let Some(old) = &old {
                carry_over(&tx, old);
            }
            if let (Some(kept), None) = (&secrets.enrolment, &again.base) {
                begin_with(&tx, secrets, kept, now)?;
            }
            let news = recover::restore(&tx, &salvaged.entries)?;
            erase_again(&tx)?;
            if let Some(kept) = &secrets.enrolment {
                store::note_marked(&tx, kept.answer.device_id, kept.incarnation)?;
            }
            let report = report(again, news, salvaged.rejected, secrets.enrolment.is_some());
            tracing::warn!(report, "the database was put together again");
            devices::note_recovery(&tx, now, &report)?;
            tx.commit()?;
            Ok(())
        };
        let made = db::open::create(&self.config.data, &key, lock, now, again.base.as_deref(), fill);
        let lock = made.map_err(|(fault, _)| Problem::from(fault))?;
        self.attempt(secrets, lock).map_err(|(fault, _)| fault.into())
    }
}

/// The enrolment as it is kept beside the keys, in a database that is new.
fn begin_with(tx: &Transaction<'_>, secrets: &Secrets, kept: &KeptEnrolment, now: UtcMillis) -> Result<(), Fault> {
    for (station, held) in kept_keys(secrets) {
        devices::put_key(tx, station, held)?;
    }
    if devices::current(tx)?.is_some_and(|who| who.device_id == kept.answer.device_id) {
        return Ok(());
    }
    let key = secrets.device_key()?.verifying_key();
    devices::keep(tx, &kept.answer, &kept.url, &key, kept.incarnation, now)?;
    let epoch = sync::meet_history(tx, kept.answer.history)?;
    if let Some(organizer) = &kept.answer.organizer {
        access::put_organizer(tx, organizer, epoch)?;
    }
    Ok(())
}

/// Tables that neither the journal nor the server can give back: codes signed in advance, earlier enrolments, and this
/// station's account of itself. One that cannot be read is passed over.
const CARRIED_OVER: [&str; 11] = [
    "history",
    "device",
    "device_key",
    "blank",
    "standing",
    "resume",
    "safe",
    "erased",
    "lease_request",
    "hand_over_beside",
    "device_certificate",
];

fn carry_over(tx: &Transaction<'_>, old: &Connection) {
    for table in CARRIED_OVER {
        let carried = db::attempt(tx, || db::carry_over(tx, old, table));
        match carried {
            Ok(Ok(rows)) => tracing::info!(table, rows, "taken over"),
            Ok(Err(fault)) | Err(fault) => tracing::warn!(table, %fault, "could not be taken over"),
        }
    }
}

/// What was ordered to be erased does not come back with a copy.
fn erase_again(tx: &Transaction<'_>) -> Result<(), Fault> {
    let erased = store::erased_entries(tx)?;
    journal::erase(tx, &erased)?;
    Ok(())
}

fn kept_keys(secrets: &Secrets) -> Vec<(DeviceId, HeldKey)> {
    let read = |kept: &KeptKey| {
        let key = VerifyingKey::from_bytes(&bytes32(&kept.public)?).ok()?;
        Some((kept.station, HeldKey { key, after: (kept.incarnation, kept.seq) }))
    };
    secrets.keys.iter().filter_map(read).collect()
}

/// The keys of every enrolment as far as they are kept beside the database.
fn known_keys(secrets: &Secrets) -> Vec<(DeviceId, KeyHistory)> {
    let mut kept = kept_keys(secrets);
    kept.sort_by_key(|(station, held)| (*station, held.after));
    let mut out: Vec<(DeviceId, KeyHistory)> = Vec::new();
    for (station, held) in kept {
        match out.last_mut().filter(|(of, _)| *of == station) {
            Some((_, history)) => history.add(held),
            None => out.push((station, KeyHistory::of(held.key))),
        }
    }
    if let (Some(kept), Ok(key)) = (&secrets.enrolment, secrets.device_key())
        && !out.iter().any(|(station, _)| *station == kept.answer.device_id)
    {
        out.push((kept.answer.device_id, KeyHistory::of(key.verifying_key())));
    }
    out
}

fn report(again: &Again, news: usize, rejected: usize, enrolled: bool) -> String {
    let base = match &again.base {
        Some(file) => format!(" It goes on from the backup {}.", file.display()),
        None => String::new(),
    };
    let entries = match news {
        1 => "1 journal entry was".to_owned(),
        n => format!("{n} journal entries were"),
    };
    let rejected = match rejected {
        0 => String::new(),
        n => format!(" {n} more could be read but were not what was signed."),
    };
    let next = match (enrolled, &again.base) {
        (false, _) => " Enrol this station again.",
        (true, None) => " Tickets and products come back with the next sync.",
        (true, Some(_)) => "",
    };
    format!("{}.{base} {entries} recovered besides.{rejected}{next}", again.why)
}

fn load(connection: &Connection) -> Result<Loaded, Fault> {
    let tx = connection.unchecked_transaction()?;
    let identity = devices::current(&tx)?;
    let remembered = sync::remembered(&tx)?;
    let mut floor =
        remembered.last_at.zip(remembered.offset_ms).map(|(at, offset)| UtcMillis(at.0.saturating_add(offset)));
    if let Some(who) = &identity {
        let newest = journal::newest(&tx, who.device_id, who.incarnation, 20)?;
        let by_clock = |e: &&Entry| !matches!(e.fact(), Some(Fact::Scan { time_by_hand: Some(_), .. }));
        // Only what was written in a run that had compared its clock: one that ran a day ahead must not hold time up.
        let compared = |e: &&Entry| (0..sync::contact::AFTER_RESTART_MS).contains(&e.at.uncertainty_ms);
        let newest = newest.iter().filter(by_clock).find(compared);
        floor = floor.max(newest.map(|e| UtcMillis(e.at.ticket_time().0.saturating_sub(e.at.uncertainty_ms))));
    }
    Ok(Loaded { identity, event_keys: ticketing::event_keys(&tx)?, remembered, floor })
}

/// Where the keys of a data folder say a backup belongs here.
///
/// # Errors
/// When it is no backup of this station, or cannot be used.
pub fn check_backup(file: &Path, secrets: &Secrets) -> Result<(), Problem> {
    let key = secrets.database_key()?;
    match db::open::unusable(file, &key) {
        None => Ok(()),
        Some(why) => {
            let detail = format!("{} cannot be put back: {why}. Nothing was changed.", file.display());
            Err(Problem::field("file", detail))
        }
    }
}
