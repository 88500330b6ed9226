//! The write side of the catalogue: events, dates, products, variations, quotas as an organizer makes and changes them. Owns what must
//! happen together (row, version, note to stations); not what may be typed (`domain::catalog::draft`), not the pages.

mod date;
pub mod door;
mod event;
mod item;
mod quota;
mod store;
mod variation;

pub use date::{
    DateFull, PlacesEach, create as create_dates, find as find_date, list as list_dates, of_quota as date_of_quota,
    remove as remove_date, update as update_date,
};
pub use event::{EventFull, create as create_event, find as find_event, list as list_events, update as update_event};
pub use item::{ItemFull, create as create_item, find as find_item, list as list_items, update as update_item};
pub use quota::{QuotaFull, create as create_quota, find as find_quota, list as list_quotas, update as update_quota};
pub use variation::{create as create_variation, find as find_variation, update as update_variation};

use crate::http::Failure;
use willcall_domain::{
    catalog::draft::{FieldError, Wrong},
    problem::{Code, Problem},
};

/// Why a change was not made; nothing is stored then.
#[derive(Debug)]
pub enum Refused {
    /// Said beside the fields.
    Fields(Vec<Wrong>),
    /// Anything else.
    Failed(Failure),
}

impl Refused {
    /// One field.
    #[must_use]
    pub fn field(field: &'static str, error: FieldError) -> Self {
        Self::Fields(vec![(field, error)])
    }
}

impl From<Vec<Wrong>> for Refused {
    fn from(wrong: Vec<Wrong>) -> Self {
        Self::Fields(wrong)
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<sqlx::Error> for Refused {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error.into())
    }
}

fn not_found(detail: &str) -> Failure {
    Problem::new(Code::NotFound, detail).into()
}

fn no_such_event() -> Failure {
    not_found("There is no such event.")
}
