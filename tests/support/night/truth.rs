//! What people were told, by anybody: each is a promise.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};
use uuid::Uuid;
use willcall_domain::{
    id::{OrderId, PositionId, RequestId, ScanId},
    problem::Code,
};

/// A sale that a till confirmed.
#[derive(Debug, Clone)]
pub(super) struct Sold {
    pub(super) station: usize,
    pub(super) request: RequestId,
    pub(super) order: OrderId,
    pub(super) positions: Vec<PositionId>,
}

/// A scan that was answered with a verdict.
#[derive(Debug, Clone)]
pub(super) struct Scanned {
    pub(super) scan: ScanId,
    pub(super) class: String,
    /// The ticket, where it was let in.
    pub(super) entered: Option<PositionId>,
}

/// An order that the shop confirmed.
#[derive(Debug, Clone)]
pub(super) struct Ordered {
    pub(super) key: Uuid,
    pub(super) code: String,
}

/// Everything that was promised.
#[derive(Debug, Default)]
pub struct Truth(Mutex<Told>);

#[derive(Debug, Default, Clone)]
pub(super) struct Told {
    pub(super) sold: Vec<Sold>,
    pub(super) scanned: Vec<Scanned>,
    pub(super) ordered: Vec<Ordered>,
    /// Codes of the tickets that were sold.
    pub(super) codes: Vec<String>,
    /// What was answered with no, by its reason.
    pub(super) refused: BTreeMap<String, u64>,
    /// Questions that had to be asked again because who was asked died.
    pub(super) asked_again: u64,
}

impl Truth {
    pub(super) fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn refused(&self, what: &str, code: Code) {
        *self.told().refused.entry(format!("{what}: {}", code.as_str())).or_default() += 1;
    }
}
