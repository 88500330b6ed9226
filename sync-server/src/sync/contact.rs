//! `POST /api/station/v1/contact`: proves who we are, tells the time, hands out what was not accepted yet.

use super::store;
use crate::http::problem::Failure;
use crate::{app::App, http::caller::DeviceCaller, leases};
use axum::{Json, extract::State};
use willcall_domain::{
    problem::{Code, Problem},
    sync::{Contact, ContactAnswer, ContactBody, PROTOCOL, contact::sign_contact},
};

/// Answers a station's first question.
///
/// # Errors
/// `protocol` when the station is newer than this server by more than a version; else when the database is away.
pub async fn contact(
    caller: DeviceCaller,
    State(app): State<App>,
    Json(ask): Json<Contact>,
) -> Result<Json<ContactAnswer>, Failure> {
    if ask.protocol > PROTOCOL {
        return Err(Problem::new(Code::Protocol, "This station is newer than the server. Update the server.").into());
    }
    if ask.nonce.len() != 32 {
        return Err(Problem::field("nonce", "16 bytes, written as 32 hexadecimal digits").into());
    }
    let mut tx = app.begin(caller.organizer).await?;
    store::note_contact(&mut tx, caller.device, &ask.software, ask.waiting, app.clock.now()).await?;
    let acked = store::tail(&mut tx, caller.device, ask.incarnation).await?.map_or(0, |t| t.seq);
    let open_grants = leases::open_grants(&app, &mut tx, caller.device).await?;
    let head = store::head(&mut tx).await?;
    tx.commit().await?;
    let body =
        ContactBody { nonce: ask.nonce, time: app.clock.now(), history: app.history, head, acked, safe: super::SAFE };
    let answer = sign_contact(&body, open_grants, app.secrets.identity());
    Ok(Json(answer.map_err(|e| Problem::new(Code::Internal, e.to_string()))?))
}
