//! Requests that may be sent again: the same key gets the answer it got before, and nothing is done twice.

use super::{problem::Failure, store, token};
use crate::app::Tx;
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use willcall_domain::problem::{Code, Problem};

/// What names a request: the header `Idempotency-Key` and what was asked under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub(super) key: [u8; 32],
    pub(super) request: [u8; 32],
}

/// An answer given before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub body: Vec<u8>,
}

impl Key {
    /// Reads the header; `None` when there is none. `asker` keeps callers apart, `what` is route and body.
    ///
    /// # Errors
    /// When the key is longer than 200 bytes.
    pub fn read(headers: &HeaderMap, asker: &str, what: &[u8]) -> Result<Option<Self>, Problem> {
        let Some(key) = headers.get("idempotency-key").map(HeaderValue::as_bytes) else { return Ok(None) };
        if key.is_empty() || key.len() > 200 {
            return Err(Problem::field("Idempotency-Key", "must be 1 to 200 characters"));
        }
        Ok(Some(Self { key: token::hash(&[asker.as_bytes(), b"\0", key].concat()), request: token::hash(what) }))
    }
}

/// The answer this request got before. Others with the same key wait until this transaction ends.
///
/// # Errors
/// [`Code::Conflict`] when the key was used for something else.
pub async fn recall(tx: &mut Tx, key: &Key) -> Result<Option<Answer>, Failure> {
    store::lock_key(tx, key).await?;
    match store::answer(tx, key).await? {
        None => Ok(None),
        Some((request, answer)) if request == key.request => Ok(Some(answer)),
        Some(_) => {
            let detail = "This Idempotency-Key was used for another request; take a new one.";
            Err(Problem::new(Code::Conflict, detail).into())
        }
    }
}

/// Keeps the answer, in the transaction of what it answers for.
///
/// # Errors
/// When the database does not take it.
pub async fn remember(tx: &mut Tx, key: &Key, answer: &Answer) -> Result<(), Failure> {
    store::keep_answer(tx, key, answer).await?;
    Ok(())
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        (status, [(header::CONTENT_TYPE, self.content_type)], self.body).into_response()
    }
}
