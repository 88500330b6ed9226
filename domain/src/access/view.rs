//! The people at a station, as its screen shows them.

use crate::{devices::Right, id::OperatorId};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct OperatorView {
    pub operator_id: OperatorId,
    pub name: String,
    /// What this one may do here that is guarded.
    pub rights: Vec<Right>,
}

/// Who may sign in here, who is, and what may be done now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct PeopleView {
    /// By name.
    pub operators: Vec<OperatorView>,
    pub signed_in: Option<OperatorView>,
    /// Nothing is scanned or sold before somebody signs in.
    pub locked: bool,
    /// Guests scan by themselves; nobody who may supervise is signed in.
    pub kiosk: bool,
    /// Names stand on no verdict.
    pub hide_names: bool,
    /// What may be done here now.
    pub rights: Vec<Right>,
    /// What may be done here once somebody signs in who may.
    pub guarded: Vec<Right>,
}

/// Who says they are who.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SignInRequest {
    pub operator_id: OperatorId,
    pub pin: String,
}

/// A PIN stands in no log.
impl std::fmt::Debug for SignInRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignInRequest({}, …)", self.operator_id)
    }
}
