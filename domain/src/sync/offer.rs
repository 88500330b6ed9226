//! What a station offers a server that was put back to an earlier instant: rows it was given under an older history and
//! that the new history no longer has. None is adopted silently: each becomes a case, and none is deleted on the station.

use super::Row;
use crate::id::HistoryId;
use serde::{Deserialize, Serialize};

/// Most rows of one offer.
pub const OFFER_MAX: usize = 500;

/// `POST /api/station/v1/offers`. Offering again is harmless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The history under which the station looked: the server's present one.
    pub history: HistoryId,
    /// At most [`OFFER_MAX`].
    pub rows: Vec<Row>,
}

/// What the server made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferAnswer {
    /// Rows the server has after all.
    pub known: u32,
    /// Rows that a person decides on now, or has decided on before.
    pub cases: u32,
}
