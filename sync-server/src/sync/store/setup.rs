//! SQL of the rows that say how doors are set up: devices, operators, gates, lists, questions, badges. Each answers
//! `(subject, row)`; `ids` of `None` is all of the events.

use super::rows::{Rows, numbers, word};
use crate::app::Tx;
use sqlx::{Row as _, postgres::PgRow, types::Json};
use willcall_domain::{
    access::OperatorRow,
    checkin::{
        ListRow,
        question::{QuestionOption, QuestionRow},
        wire::GateRow,
    },
    clock::UtcMillis,
    devices::{BadgePrint, DeviceSetup, Right, Role},
    id::{BadgeId, DateId, DeviceId, EventId, GateId, ItemId, ListId, OperatorId, OptionId, QuestionId},
    sync::{Row, change::DeviceRow},
    ticketing::BadgeRow,
};

pub(in crate::sync) async fn device(tx: &mut Tx, device: DeviceId, events: &[EventId]) -> sqlx::Result<DeviceRow> {
    let r = sqlx::query(
        "SELECT d.name, d.gate, d.role, d.rights, d.revoked_at IS NOT NULL AS revoked, d.version, d.gate_id, d.kiosk,
             d.badge_print, d.max_data_age_min, d.locked, d.guarded, d.hide_names,
             array(SELECT l.list_id FROM device_list l WHERE l.organizer_id = $1 AND l.device_id = d.device_id
                   ORDER BY l.list_id) AS lists
         FROM device d WHERE d.organizer_id = $1 AND d.device_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .fetch_one(tx.conn())
    .await?;
    Ok(DeviceRow {
        device_id: device,
        name: r.try_get("name")?,
        gate: r.try_get("gate")?,
        role: word::<Role>(r.try_get("role")?)?,
        events: events.to_vec(),
        rights: Right::known(&r.try_get::<Vec<String>, _>("rights")?),
        setup: device_setup(&r)?,
        revoked: r.try_get("revoked")?,
        version: r.try_get("version")?,
    })
}

fn device_setup(r: &PgRow) -> sqlx::Result<DeviceSetup> {
    let minutes: Option<i32> = r.try_get("max_data_age_min")?;
    Ok(DeviceSetup {
        told: true,
        gate_id: r.try_get::<Option<i64>, _>("gate_id")?.map(GateId),
        lists: r.try_get::<Vec<i64>, _>("lists")?.into_iter().map(ListId).collect(),
        kiosk: r.try_get("kiosk")?,
        badge_print: BadgePrint::of_word(r.try_get("badge_print")?).unwrap_or_default(),
        max_data_age_min: minutes.map(i32::unsigned_abs),
        locked: r.try_get("locked")?,
        guarded: Right::known(&r.try_get::<Vec<String>, _>("guarded")?),
        hide_names: r.try_get("hide_names")?,
    })
}

pub(in crate::sync) async fn operators(tx: &mut Tx, ids: Option<Vec<i64>>) -> Rows {
    let rows = sqlx::query(
        "SELECT operator_id, name, pin, rights, active, version FROM operator
         WHERE organizer_id = $1 AND ($2::bigint[] IS NULL OR operator_id = ANY($2)) ORDER BY operator_id",
    )
    .bind(tx.organizer.0)
    .bind(ids)
    .fetch_all(tx.conn())
    .await?;
    rows.iter()
        .map(|r| {
            let operator_id = OperatorId(r.try_get("operator_id")?);
            let row = OperatorRow {
                operator_id,
                name: r.try_get("name")?,
                pin: r.try_get("pin")?,
                rights: Right::known(&r.try_get::<Vec<String>, _>("rights")?),
                active: r.try_get("active")?,
                version: r.try_get("version")?,
            };
            Ok((operator_id.to_string(), Row::Operator(row)))
        })
        .collect()
}

pub(in crate::sync) async fn gates(tx: &mut Tx, ids: Option<Vec<i64>>) -> Rows {
    let rows: Vec<(i64, String, i64)> = sqlx::query_as(
        "SELECT gate_id, name, version FROM gate
         WHERE organizer_id = $1 AND ($2::bigint[] IS NULL OR gate_id = ANY($2)) ORDER BY gate_id",
    )
    .bind(tx.organizer.0)
    .bind(ids)
    .fetch_all(tx.conn())
    .await?;
    let row = |(id, name, version): (i64, String, i64)| {
        (id.to_string(), Row::Gate(GateRow { gate_id: GateId(id), name, version }))
    };
    Ok(rows.into_iter().map(row).collect())
}

pub(in crate::sync) async fn lists(tx: &mut Tx, events: &[EventId], ids: Option<Vec<i64>>) -> Rows {
    let rows = sqlx::query(
        "SELECT l.list_id, l.event_id, l.name, l.all_items, l.date_id, l.include_pending, l.allow_multiple_entries,
             l.allow_entry_after_exit, l.rules, l.addon_match, l.shown_from, l.shown_until, l.version,
             array(SELECT i.item_id FROM checkin_list_item i
                   WHERE i.organizer_id = l.organizer_id AND i.list_id = l.list_id ORDER BY i.item_id) AS items,
             array(SELECT g.gate_id FROM checkin_list_gate g
                   WHERE g.organizer_id = l.organizer_id AND g.list_id = l.list_id ORDER BY g.gate_id) AS gates
         FROM checkin_list l
         WHERE l.organizer_id = $1 AND l.event_id = ANY($2) AND ($3::bigint[] IS NULL OR l.list_id = ANY($3))
         ORDER BY l.list_id",
    )
    .bind(tx.organizer.0)
    .bind(numbers(events))
    .bind(ids)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(|r| list(r).map(|row| (row.list_id.to_string(), Row::List(row)))).collect()
}

fn list(r: &PgRow) -> sqlx::Result<ListRow> {
    let items: Vec<i64> = r.try_get("items")?;
    let all: bool = r.try_get("all_items")?;
    let instant = |name| Ok::<_, sqlx::Error>(r.try_get::<Option<i64>, _>(name)?.map(UtcMillis));
    Ok(ListRow {
        list_id: ListId(r.try_get("list_id")?),
        event_id: EventId(r.try_get("event_id")?),
        name: r.try_get("name")?,
        items: (!all).then(|| items.into_iter().map(ItemId).collect()),
        date_id: r.try_get::<Option<i64>, _>("date_id")?.map(DateId),
        include_pending: r.try_get("include_pending")?,
        allow_multiple_entries: r.try_get("allow_multiple_entries")?,
        allow_entry_after_exit: r.try_get("allow_entry_after_exit")?,
        rules: r.try_get("rules")?,
        addon_match: r.try_get("addon_match")?,
        gates: r.try_get::<Vec<i64>, _>("gates")?.into_iter().map(GateId).collect(),
        shown_from: instant("shown_from")?,
        shown_until: instant("shown_until")?,
        version: r.try_get("version")?,
    })
}

pub(in crate::sync) async fn questions(tx: &mut Tx, events: &[EventId], ids: Option<Vec<i64>>) -> Rows {
    let rows = sqlx::query(
        "SELECT q.question_id, q.event_id, q.text, q.help, q.kind, q.required, q.ask_at_checkin, q.rank, q.active,
             q.version,
             array(SELECT i.item_id FROM question_item i
                   WHERE i.organizer_id = q.organizer_id AND i.question_id = q.question_id ORDER BY 1) AS items,
             array(SELECT o.option_id FROM question_option o WHERE o.organizer_id = q.organizer_id
                   AND o.question_id = q.question_id AND o.active ORDER BY o.rank, o.option_id) AS option_ids,
             array(SELECT o.text FROM question_option o WHERE o.organizer_id = q.organizer_id
                   AND o.question_id = q.question_id AND o.active ORDER BY o.rank, o.option_id) AS option_texts
         FROM question q
         WHERE q.organizer_id = $1 AND q.event_id = ANY($2) AND ($3::bigint[] IS NULL OR q.question_id = ANY($3))
         ORDER BY q.question_id",
    )
    .bind(tx.organizer.0)
    .bind(numbers(events))
    .bind(ids)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(|r| question(r).map(|row| (row.question_id.to_string(), Row::Question(row)))).collect()
}

fn question(r: &PgRow) -> sqlx::Result<QuestionRow> {
    let ids: Vec<i64> = r.try_get("option_ids")?;
    let texts: Vec<String> = r.try_get("option_texts")?;
    let option = |(id, text)| QuestionOption { option_id: OptionId(id), text };
    Ok(QuestionRow {
        question_id: QuestionId(r.try_get("question_id")?),
        event_id: EventId(r.try_get("event_id")?),
        text: r.try_get("text")?,
        help: r.try_get("help")?,
        kind: word(r.try_get("kind")?)?,
        required: r.try_get("required")?,
        ask_at_checkin: r.try_get("ask_at_checkin")?,
        items: r.try_get::<Vec<i64>, _>("items")?.into_iter().map(ItemId).collect(),
        options: ids.into_iter().zip(texts).map(option).collect(),
        rank: r.try_get("rank")?,
        active: r.try_get("active")?,
        version: r.try_get("version")?,
    })
}

pub(in crate::sync) async fn badges(tx: &mut Tx, events: &[EventId], ids: Option<Vec<i64>>) -> Rows {
    let rows = sqlx::query(
        "SELECT b.badge_id, b.event_id, b.name, b.layout, b.version,
             array(SELECT i.item_id FROM badge_item i
                   WHERE i.organizer_id = b.organizer_id AND i.badge_id = b.badge_id ORDER BY 1) AS items
         FROM badge b
         WHERE b.organizer_id = $1 AND b.event_id = ANY($2) AND ($3::bigint[] IS NULL OR b.badge_id = ANY($3))
         ORDER BY b.badge_id",
    )
    .bind(tx.organizer.0)
    .bind(numbers(events))
    .bind(ids)
    .fetch_all(tx.conn())
    .await?;
    rows.iter()
        .map(|r| {
            let badge_id = BadgeId(r.try_get("badge_id")?);
            let row = BadgeRow {
                badge_id,
                event_id: EventId(r.try_get("event_id")?),
                name: r.try_get("name")?,
                layout: r.try_get::<Json<_>, _>("layout")?.0,
                items: r.try_get::<Vec<i64>, _>("items")?.into_iter().map(ItemId).collect(),
                version: r.try_get("version")?,
            };
            Ok((badge_id.to_string(), Row::Badge(row)))
        })
        .collect()
}
