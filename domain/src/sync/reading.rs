//! Reading rows of other versions. A kind that is not known here, or a row of a known kind that says something unknown,
//! is [`Row::Unknown`] and passed over: one row must not hold up all that come after it. A field that is not known is
//! ignored. After an update a station fetches everything anew, so what was passed over comes again.

use super::{Change, Row};
use crate::checkin::Reason;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::value::RawValue;
use std::borrow::Cow;

impl Row {
    /// The tag it travels with.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        // A kind that is added here is read in `read` below and has its version in `since`.
        match self {
            Self::Event(_) => "event",
            Self::Item(_) => "item",
            Self::Date(_) => "date",
            Self::Quota(_) => "quota",
            Self::List(_) => "list",
            Self::Key(_) => "key",
            Self::Position(_) => "position",
            Self::Scan(_) => "scan",
            Self::VoidBlanks(_) => "void_blanks",
            Self::Device(_) => "device",
            Self::Organizer(_) => "organizer",
            Self::Operator(_) => "operator",
            Self::Gate(_) => "gate",
            Self::Question(_) => "question",
            Self::Medium(_) => "medium",
            Self::Badge(_) => "badge",
            Self::Lease(_) => "lease",
            Self::HandOver(_) => "hand_over",
            Self::Right(_) => "right",
            Self::Voucher(_) => "voucher",
            Self::Case(_) => "case",
            Self::Erase(_) => "erase",
            Self::Gone(_) => "gone",
            Self::Unknown => "unknown",
        }
    }

    /// The first version of the protocol that knows this kind. An older station is not sent it: the first one refuses a
    /// whole answer for one kind it does not know.
    #[must_use]
    pub fn since(&self) -> u32 {
        match self {
            Self::Event(_)
            | Self::Item(_)
            | Self::Quota(_)
            | Self::List(_)
            | Self::Key(_)
            | Self::Position(_)
            | Self::VoidBlanks(_)
            | Self::Device(_)
            | Self::Gone(_) => 1,
            // A refusal for a reason that came later: it counts for nothing, and the word would not be read.
            Self::Scan(scan) => scan.reason.map_or(1, Reason::since),
            Self::Organizer(_)
            | Self::Lease(_)
            | Self::HandOver(_)
            | Self::Right(_)
            | Self::Voucher(_)
            | Self::Case(_)
            | Self::Erase(_) => 2,
            Self::Operator(_) => 3,
            Self::Date(_) => 3,
            Self::Gate(_) | Self::Question(_) | Self::Medium(_) | Self::Badge(_) => 3,
            Self::Unknown => u32::MAX,
        }
    }

    fn read(kind: &str, data: Option<&RawValue>) -> Self {
        fn of<T: DeserializeOwned>(data: Option<&RawValue>, row: impl FnOnce(T) -> Row) -> Row {
            data.and_then(|data| serde_json::from_str(data.get()).ok()).map_or(Row::Unknown, row)
        }
        match kind {
            "event" => of(data, Self::Event),
            "item" => of(data, Self::Item),
            "date" => of(data, Self::Date),
            "quota" => of(data, Self::Quota),
            "list" => of(data, Self::List),
            "key" => of(data, Self::Key),
            "position" => of(data, Self::Position),
            "scan" => of(data, Self::Scan),
            "void_blanks" => of(data, Self::VoidBlanks),
            "device" => of(data, Self::Device),
            "organizer" => of(data, Self::Organizer),
            "operator" => of(data, Self::Operator),
            "gate" => of(data, Self::Gate),
            "question" => of(data, Self::Question),
            "medium" => of(data, Self::Medium),
            "badge" => of(data, Self::Badge),
            "lease" => of(data, Self::Lease),
            "hand_over" => of(data, Self::HandOver),
            "right" => of(data, Self::Right),
            "voucher" => of(data, Self::Voucher),
            "case" => of(data, Self::Case),
            "erase" => of(data, Self::Erase),
            "gone" => of(data, Self::Gone),
            _ => Self::Unknown,
        }
    }
}

#[derive(Deserialize)]
struct Tagged<'a> {
    #[serde(borrow)]
    row: Cow<'a, str>,
    #[serde(default)]
    data: Option<Box<RawValue>>,
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let tagged = Tagged::deserialize(deserializer)?;
        Ok(Self::read(&tagged.row, tagged.data.as_deref()))
    }
}

#[derive(Deserialize)]
struct Numbered<'a> {
    position: i64,
    #[serde(borrow)]
    row: Cow<'a, str>,
    #[serde(default)]
    data: Option<Box<RawValue>>,
}

impl<'de> Deserialize<'de> for Change {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let numbered = Numbered::deserialize(deserializer)?;
        Ok(Self { position: numbered.position, row: Row::read(&numbered.row, numbered.data.as_deref()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::change::Gone;
    use serde_json::json;

    fn key() -> serde_json::Value {
        json!({ "organizer_id": 1, "event_id": 2, "number": 3, "public": "00", "status": "active", "version": 4 })
    }

    #[test]
    fn a_row_reads_back_alone_and_numbered_in_either_order_of_its_fields() {
        let row: Row = serde_json::from_value(json!({ "row": "key", "data": key() })).unwrap();
        assert_eq!(row.kind(), "key");
        let text = serde_json::to_string(&Change { position: 9, row: row.clone() }).unwrap();
        assert_eq!(serde_json::from_str::<Change>(&text).unwrap(), Change { position: 9, row: row.clone() });
        let turned = format!("{{\"data\":{},\"row\":\"key\"}}", key());
        assert_eq!(serde_json::from_str::<Row>(&turned).unwrap(), row);
        let gone = Row::Gone(Gone { kind: "item".into(), id: "7".into(), version: 2 });
        assert_eq!(serde_json::from_str::<Row>(&serde_json::to_string(&gone).unwrap()).unwrap(), gone);
    }

    #[test]
    fn an_unknown_kind_with_or_without_content_is_passed_over_and_its_neighbours_are_read() {
        for strange in [
            json!({ "row": "hologram", "data": { "a": 1 } }),
            json!({ "row": "hologram", "data": [1, 2] }),
            json!({ "row": "hologram" }),
            json!({ "row": "hologram", "data": null, "signed": true }),
        ] {
            assert_eq!(serde_json::from_value::<Row>(strange.clone()).unwrap(), Row::Unknown, "{strange}");
        }
        let page = json!([
            { "position": 1, "row": "hologram", "data": { "a": 1 } },
            { "position": 2, "row": "key", "data": key() },
        ]);
        let page: Vec<Change> = serde_json::from_value(page).unwrap();
        assert_eq!(page.iter().map(|c| (c.position, c.row.kind())).collect::<Vec<_>>(), [(1, "unknown"), (2, "key")]);
    }

    #[test]
    fn an_unknown_field_is_ignored_and_an_unknown_word_passes_the_row_over() {
        let mut more = key();
        more["curve"] = json!("ed448");
        let row = serde_json::from_value::<Row>(json!({ "row": "key", "data": more, "lane": 3 })).unwrap();
        assert_eq!(row.kind(), "key");
        let mut newer = key();
        newer["status"] = json!("half_revoked");
        assert_eq!(serde_json::from_value::<Row>(json!({ "row": "key", "data": newer })).unwrap(), Row::Unknown);
    }

    #[test]
    fn what_is_no_row_at_all_is_an_error() {
        for text in ["{}", "[]", "7", "\"key\"", "{\"data\":{}}", "<!doctype html>"] {
            assert!(serde_json::from_str::<Row>(text).is_err(), "{text}");
        }
    }
}
