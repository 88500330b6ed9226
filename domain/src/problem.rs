//! The one error shape on both borders: `application/problem+json` (RFC 9457) over HTTP, the same JSON from commands.
//! A screen decides by `code`, never by text.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

macro_rules! codes {
    ($($(#[$doc:meta])+ $name:ident = $text:literal, $status:literal, $title:literal;)+) => {
        /// What went wrong, stable for programs. Each says in its doc how it is shown.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
        pub enum Code {
            $($(#[$doc])+ #[serde(rename = $text)] $name,)+
        }

        impl Code {
            /// Every code, for documentation and tests.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The stable text, `sold-out`.
            #[must_use]
            pub fn as_str(self) -> &'static str { match self { $(Self::$name => $text),+ } }

            /// The HTTP status it travels with.
            #[must_use]
            pub fn status(self) -> u16 { match self { $(Self::$name => $status),+ } }

            /// One short English sentence.
            #[must_use]
            pub fn title(self) -> &'static str { match self { $(Self::$name => $title),+ } }
        }
    };
}

codes! {
    /// Beside the field it names; what was typed stays.
    Invalid = "invalid", 422, "Some of what was sent is not right.";
    /// As a page or line that offers the way back.
    NotFound = "not-found", 404, "There is nothing here by that name.";
    /// By the sign-in form.
    Unauthenticated = "unauthenticated", 401, "Please sign in first.";
    /// As a sentence; retrying does not help.
    Forbidden = "forbidden", 403, "You may not do this.";
    /// Beside the product; other products stay buyable.
    SoldOut = "sold-out", 409, "Not enough left.";
    /// At the till: offers fewer, or asking the server for more.
    LeaseSpent = "lease-spent", 409, "No more units here without a link.";
    /// At the till: what may happen once is not this till's to do, and the server that could give it cannot be asked.
    NeedsLink = "needs-link", 409, "This needs a link to the server.";
    /// As a sentence with the present state.
    Conflict = "conflict", 409, "The present state does not allow this.";
    /// Retried by itself after the time given.
    TooManyRequests = "too-many-requests", 429, "Too many requests, please slow down.";
    /// As a sentence; nothing was stored.
    TooLarge = "too-large", 413, "That is larger than allowed.";
    /// As a sentence.
    Method = "method", 405, "This address does not take that method.";
    /// At the station: asks for enrolment.
    Revoked = "revoked", 401, "This device was switched off by the organizer.";
    /// At the station: "update this app" or "update the server".
    Protocol = "protocol", 400, "The two sides speak different protocol versions.";
    /// At the station: "no link", everything goes on from local data.
    NoLink = "no-link", 503, "The server cannot be reached.";
    /// At the station before enrolment.
    NotEnrolled = "not-enrolled", 409, "This station is not enrolled yet.";
    /// At the station: shown until acknowledged; the fact was *not* recorded.
    NotRecorded = "not-recorded", 507, "This could not be recorded and did not happen.";
    /// At the till, before money is taken: there is no room to record a sale.
    DiskFull = "disk-full", 507, "There is too little room on this device's disk.";
    /// At the till: the sum handed over is smaller than the total.
    Underpaid = "underpaid", 422, "The amount given is less than the total.";
    /// At the till: nothing is sold, and no money is to be taken, until this station has met the server.
    InDoubt = "in-doubt", 409, "This station doubts that its data is the newest.";
    /// At the till, before money is taken: the organizer has switched sales at tills off.
    TillSalesOff = "till-sales-off", 409, "Tills do not sell for this event now.";
    /// At the station: asks who it is and for the PIN.
    Locked = "locked", 423, "Somebody must sign in first.";
    /// As a sentence: another program holds what is needed.
    Busy = "busy", 409, "Already in use by another program.";
    /// A file or database that is not what it should be; it is set aside.
    Corrupt = "corrupt", 500, "Stored data is damaged.";
    /// With the request id, so that it can be found in the log.
    Internal = "internal", 500, "Something went wrong on our side.";
    /// Retried later by itself.
    Unavailable = "unavailable", 503, "Not available at the moment.";
}

/// What is wrong with one field of a form or request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct FieldProblem {
    /// The name of the field, as it was sent.
    pub field: String,
    /// A sentence for the person who filled it.
    pub detail: String,
}

/// An error as it crosses a border. Inner causes are logged, never carried here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Problem {
    pub code: Code,
    pub title: String,
    /// What happened, what is safe, what to do next.
    pub detail: String,
    /// Where to find it in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldProblem>,
}

impl Problem {
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, title: code.title().to_owned(), detail: detail.into(), request_id: None, fields: Vec::new() }
    }

    /// Problems of single fields; the detail names the first.
    #[must_use]
    pub fn fields(fields: Vec<FieldProblem>) -> Self {
        let detail = fields.first().map_or_else(String::new, |f| format!("{}: {}", f.field, f.detail));
        Self { fields, ..Self::new(Code::Invalid, detail) }
    }

    /// One field's problem.
    #[must_use]
    pub fn field(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::fields(vec![FieldProblem { field: field.into(), detail: detail.into() }])
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl std::error::Error for Problem {}
