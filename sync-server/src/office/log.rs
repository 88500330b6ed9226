//! Who changed what: the record of changes, the newest first.

use super::{
    desk::Desk,
    door_words::{self, DoorWords},
    format,
    page::{self, Frame},
};
use crate::{
    access::audit::{self, AuditRow, Filter},
    catalog::edit as catalog,
    http::Failure,
};
use askama::Template;
use axum::{extract::Query, response::Response};
use serde::Deserialize;
use serde_json::Value;
use willcall_domain::{clock::UtcMillis, id::EventId};

/// How many are shown at once.
const MOST: i64 = 100;

#[derive(Template)]
#[template(path = "office/log.html")]
struct Page {
    f: Frame,
    d: &'static DoorWords,
    lines: Vec<Line>,
    events: Vec<Choice>,
    /// Address of the older ones.
    older: Option<String>,
}

struct Choice {
    value: String,
    name: String,
    chosen: bool,
}

struct Line {
    when: String,
    who: String,
    deed: &'static str,
    subject: String,
    event: String,
    changes: Vec<String>,
}

/// What the address may say; all text, so that a field left empty is no error.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    event: String,
    before: String,
}

/// `GET …/log`.
///
/// # Errors
/// When the database is away.
pub async fn show(desk: Desk, Query(asked): Query<Asked>) -> Result<Response, Failure> {
    let mut tx = desk.begin().await?;
    let filter = Filter { event: asked.event.parse().ok().map(EventId), before: asked.before.parse().ok() };
    let events = catalog::list_events(&mut tx).await?;
    let zone = events.first().map_or_else(|| "UTC".to_owned(), |event| event.draft.zone.clone());
    let mut rows = audit::rows(&mut tx, &filter, MOST + 1).await?;
    let most = usize::try_from(MOST).unwrap_or(usize::MAX);
    let more = rows.len() > most;
    rows.truncate(most);
    let older = rows.last().filter(|_| more).map(|row| {
        desk.url(format_args!(
            "/log?event={}&before={}",
            filter.event.map(|e| e.to_string()).unwrap_or_default(),
            row.audit_id
        ))
    });
    let mut choices =
        vec![Choice { value: String::new(), name: desk.words.any_event.clone(), chosen: filter.event.is_none() }];
    choices.extend(events.into_iter().map(|event| Choice {
        value: event.event_id.to_string(),
        chosen: filter.event == Some(event.event_id),
        name: event.draft.name,
    }));
    let lines = rows.iter().map(|row| line(&desk, row, &zone)).collect();
    page::show(&Page { f: desk.frame("log"), d: door_words::of(desk.language), lines, events: choices, older })
}

fn line(desk: &Desk, row: &AuditRow, zone: &str) -> Line {
    let words = door_words::of(desk.language);
    let changes = row.detail.as_object().into_iter().flatten().map(|(field, value)| change(words, field, value));
    Line {
        when: format::moment(UtcMillis(row.at), zone, desk.language),
        who: if row.staff.is_empty() { words.t("nobody_here").to_owned() } else { row.staff.clone() },
        deed: words.deed_of(&row.deed).unwrap_or_default(),
        subject: if words.deed_of(&row.deed).is_some() {
            row.subject.clone()
        } else {
            format!("{} {}", row.deed, row.subject)
        },
        event: row.event.clone().unwrap_or_default(),
        changes: changes.collect(),
    }
}

/// `Name: “a” → “b”`; a fact alone as it is.
fn change(words: &'static DoorWords, field: &str, value: &Value) -> String {
    let name = words.field(field);
    match value {
        Value::Array(pair) if pair.len() == 2 => format!("{name}: {} → {}", shown(&pair[0]), shown(&pair[1])),
        Value::Bool(true) => name.to_owned(),
        Value::Null | Value::Bool(false) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            format!("{name}: {}", shown(value))
        }
    }
}

fn shown(value: &Value) -> String {
    const LONGEST: usize = 120;
    let text = match value {
        Value::Null => "–".to_owned(),
        Value::String(text) if text.is_empty() => "–".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "✓".to_owned(),
        Value::Bool(false) => "✗".to_owned(),
        Value::Array(parts) if parts.is_empty() => "–".to_owned(),
        Value::Array(parts) => parts.iter().map(shown).collect::<Vec<_>>().join(", "),
        Value::Number(_) | Value::Object(_) => value.to_string(),
    };
    if text.chars().count() > LONGEST { text.chars().take(LONGEST).chain(['…']).collect() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use willcall_domain::paper::Language;

    #[test]
    fn a_change_says_what_it_was_and_what_it_is() {
        let words = door_words::of(Language::En);
        assert_eq!(change(words, "name", &json!(["Gate", "Foyer"])), "Name: Gate → Foyer");
        assert_eq!(change(words, "gates", &json!([[], [1, 2]])), "Gates: – → 1, 2");
        assert_eq!(change(words, "kiosk", &json!([false, true])), "Kiosk: ✗ → ✓");
        assert_eq!(change(words, "new_pin", &json!(true)), "New PIN");
        assert_eq!(change(words, "of_a_newer_version", &json!(3)), "of_a_newer_version: 3");
        assert!(shown(&json!("x".repeat(500))).ends_with('…'));
    }
}
