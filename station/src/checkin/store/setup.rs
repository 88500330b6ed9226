//! SQL of gates, questions, media and answers: what a verdict looks at besides tickets and scans.

use crate::{catalog::Stamp, db::uuid_of, error::Fault};
use rusqlite::{Row, Transaction, params};
use serde::de::DeserializeOwned;
use willcall_domain::{
    checkin::{
        medium::{MediumKind, MediumRow},
        question::QuestionRow,
        wire::GateRow,
    },
    clock::UtcMillis,
    id::{EventId, MediumId, PositionId, QuestionId},
    sync::{Entry, Fact, journal::bytes32},
};

/// Keeps a gate; answers whether it was news.
pub fn put_gate(tx: &Transaction<'_>, row: &GateRow, epoch: i64) -> Result<bool, Fault> {
    let sql = "INSERT INTO gate (id, epoch, version, data) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch, version = excluded.version, data = excluded.data
        WHERE (excluded.epoch, excluded.version) > (gate.epoch, gate.version)
            OR (excluded.epoch, excluded.version) = (gate.epoch, gate.version) AND excluded.data <> gate.data";
    let data = serde_json::to_string(row)?;
    Ok(tx.prepare_cached(sql)?.execute(params![row.gate_id.0, epoch, row.version, data])? > 0)
}

/// Keeps a question; answers whether it was news.
pub fn put_question(tx: &Transaction<'_>, row: &QuestionRow, epoch: i64) -> Result<bool, Fault> {
    let sql = "INSERT INTO question (id, event_id, epoch, version, data) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (id) DO UPDATE SET event_id = excluded.event_id, epoch = excluded.epoch,
            version = excluded.version, data = excluded.data
        WHERE (excluded.epoch, excluded.version) > (question.epoch, question.version)
            OR (excluded.epoch, excluded.version) = (question.epoch, question.version)
                AND excluded.data <> question.data";
    let data = serde_json::to_string(row)?;
    let id = row.question_id.0;
    Ok(tx.prepare_cached(sql)?.execute(params![id, row.event_id.0, epoch, row.version, data])? > 0)
}

/// Keeps a medium the server told of; answers whether it was news. One this station gave out stays switched on until the
/// server knows of it.
pub fn put_medium(tx: &Transaction<'_>, row: &MediumRow, epoch: i64) -> Result<bool, Fault> {
    let sql =
        "INSERT INTO medium (medium_id, event_id, kind, identifier_hash, position_id, active, expires_at, own, epoch,
            version)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, ?9)
        ON CONFLICT (medium_id) DO UPDATE SET event_id = excluded.event_id, kind = excluded.kind,
            identifier_hash = excluded.identifier_hash, position_id = excluded.position_id, active = excluded.active,
            expires_at = excluded.expires_at, epoch = excluded.epoch, version = excluded.version
        WHERE (excluded.epoch, excluded.version) > (medium.epoch, medium.version)";
    let written = tx.prepare_cached(sql)?.execute(params![
        row.medium_id.0.as_bytes().as_slice(),
        row.event_id.0,
        row.kind.as_str(),
        row.identifier_hash,
        row.position_id.as_ref().map(|p| p.0.as_bytes().as_slice()),
        row.active,
        row.expires_at.map(|t| t.0),
        epoch,
        row.version,
    ])?;
    Ok(written > 0)
}

/// Takes a gate, question or medium away, unless a newer one is here.
pub fn setup_gone(tx: &Transaction<'_>, kind: &str, id: &str, at: Stamp) -> Result<bool, Fault> {
    let number = id.parse::<i64>();
    match (kind, number) {
        ("gate", Ok(id)) => {
            let sql = "DELETE FROM gate WHERE id = ?1 AND (epoch, version) <= (?2, ?3)";
            Ok(tx.prepare_cached(sql)?.execute(params![id, at.epoch, at.version])? > 0)
        }
        ("question", Ok(id)) => {
            let sql = "DELETE FROM question WHERE id = ?1 AND (epoch, version) <= (?2, ?3)";
            Ok(tx.prepare_cached(sql)?.execute(params![id, at.epoch, at.version])? > 0)
        }
        ("medium", _) => {
            let Ok(id) = id.parse::<MediumId>() else { return Ok(false) };
            let sql = "DELETE FROM medium WHERE medium_id = ?1 AND own = 0 AND (epoch, version) <= (?2, ?3)";
            Ok(tx.prepare_cached(sql)?.execute(params![id.0.as_bytes().as_slice(), at.epoch, at.version])? > 0)
        }
        _ => Ok(false),
    }
}

/// This station may not see the event any more. What it recorded itself stays.
pub fn forget_setup(tx: &Transaction<'_>, event: EventId) -> Result<(), Fault> {
    for sql in ["DELETE FROM question WHERE event_id = ?1", "DELETE FROM medium WHERE event_id = ?1 AND own = 0"] {
        tx.prepare_cached(sql)?.execute([event.0])?;
    }
    Ok(())
}

fn documents<T: DeserializeOwned>(tx: &Transaction<'_>, sql: &str, of: impl rusqlite::Params) -> Result<Vec<T>, Fault> {
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(of)?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(serde_json::from_str(&row.get::<_, String>(0)?)?);
    }
    Ok(out)
}

/// Every gate of the organizer.
pub fn gates(tx: &Transaction<'_>) -> Result<Vec<GateRow>, Fault> {
    documents(tx, "SELECT data FROM gate ORDER BY id", [])
}

/// The questions of an event, in the order they are asked.
pub fn questions(tx: &Transaction<'_>, event: EventId) -> Result<Vec<QuestionRow>, Fault> {
    let mut all: Vec<QuestionRow> = documents(tx, "SELECT data FROM question WHERE event_id = ?1", [event.0])?;
    all.sort_by_key(|question| (question.rank, question.question_id));
    Ok(all)
}

const MEDIUM: &str =
    "SELECT medium_id, event_id, kind, identifier_hash, position_id, active, expires_at, version FROM medium";

fn medium(row: &Row<'_>) -> Result<MediumRow, Fault> {
    let position: Option<Vec<u8>> = row.get(4)?;
    let kind: String = row.get(2)?;
    Ok(MediumRow {
        medium_id: MediumId(uuid_of(&row.get::<_, Vec<u8>>(0)?)?),
        event_id: EventId(row.get(1)?),
        kind: MediumKind::of_word(&kind).ok_or_else(|| Fault::Data(format!("{kind:?} is no kind of medium")))?,
        identifier_hash: row.get(3)?,
        position_id: position.as_deref().map(uuid_of).transpose()?.map(PositionId),
        active: row.get(5)?,
        expires_at: row.get::<_, Option<i64>>(6)?.map(UtcMillis),
        version: row.get(7)?,
    })
}

fn media(tx: &Transaction<'_>, tail: &str, of: impl rusqlite::Params) -> Result<Vec<MediumRow>, Fault> {
    let mut statement = tx.prepare_cached(&format!("{MEDIUM} {tail}"))?;
    let mut rows = statement.query(of)?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(medium(row)?);
    }
    Ok(out)
}

/// The media that read like this, of all events.
pub fn media_of_hash(tx: &Transaction<'_>, identifier_hash: &str) -> Result<Vec<MediumRow>, Fault> {
    media(tx, "WHERE identifier_hash = ?1 ORDER BY medium_id", [identifier_hash])
}

/// The media that stand for this ticket, switched off ones too.
pub fn media_of_position(tx: &Transaction<'_>, position: PositionId) -> Result<Vec<MediumRow>, Fault> {
    media(tx, "WHERE position_id = ?1 ORDER BY medium_id", [position.0.as_bytes().as_slice()])
}

/// What a journal says was answered.
pub fn project_answers(tx: &Transaction<'_>, entry: &Entry, fact: &Fact) -> Result<(), Fault> {
    let Fact::Answers { event_id, position_id, payload_hash, questions, .. } = fact else {
        return Err(Fault::Data(format!("a {} is no answer", entry.kind)));
    };
    let sql = "INSERT INTO answered (ticket, question_id, event_id) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    let mut insert = tx.prepare_cached(sql)?;
    for ticket in tickets(*position_id, payload_hash.as_deref())? {
        for question in questions {
            insert.execute(params![ticket, question.0, event_id.0])?;
        }
    }
    Ok(())
}

/// What a journal says of a ticket that was exchanged. What the server tells later replaces it.
pub fn project_exchanged(tx: &Transaction<'_>, entry: &Entry, fact: &Fact) -> Result<(), Fault> {
    let Fact::Exchanged { medium_id, event_id, position_id, medium, identifier_hash, replaces, .. } = fact else {
        return Err(Fault::Data(format!("a {} is no exchange", entry.kind)));
    };
    let sql = "INSERT INTO medium (medium_id, event_id, kind, identifier_hash, position_id, active, expires_at, own,
            epoch, version)
        VALUES (?1, ?2, ?3, ?4, ?5, 1, NULL, 1, 0, 0)
        ON CONFLICT (medium_id) DO UPDATE SET own = 1";
    tx.prepare_cached(sql)?.execute(params![
        medium_id.0.as_bytes().as_slice(),
        event_id.0,
        medium.as_str(),
        identifier_hash,
        position_id.0.as_bytes().as_slice(),
    ])?;
    let mut off = tx.prepare_cached("UPDATE medium SET active = 0 WHERE medium_id = ?1")?;
    for replaced in replaces {
        off.execute([replaced.0.as_bytes().as_slice()])?;
    }
    Ok(())
}

/// What a ticket's answers are kept under.
fn tickets(position: Option<PositionId>, payload_hash: Option<&str>) -> Result<Vec<Vec<u8>>, Fault> {
    let mut all = Vec::new();
    if let Some(id) = position {
        all.push(id.0.as_bytes().to_vec());
    }
    if let Some(text) = payload_hash {
        let hash = bytes32(text).ok_or_else(|| Fault::Data("a payload hash is not 32 bytes".into()))?;
        all.push(hash.to_vec());
    }
    Ok(all)
}

/// The questions that journals say this ticket has answered.
pub fn answered(
    tx: &Transaction<'_>,
    position: Option<PositionId>,
    payload_hash: Option<&[u8; 32]>,
) -> Result<Vec<QuestionId>, Fault> {
    let mut statement = tx.prepare_cached("SELECT question_id FROM answered WHERE ticket = ?1 OR ticket = ?2")?;
    let position = position.map(|id| id.0.as_bytes().to_vec());
    let mut rows = statement.query(params![position, payload_hash.map(<[u8; 32]>::as_slice)])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(QuestionId(row.get(0)?));
    }
    Ok(out)
}
