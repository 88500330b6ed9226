//! `POST /api/station/v1/enrol`: spends an enrolment token; the machine becomes a device with a key of its own.

use super::store;
use crate::{
    access::organizer,
    app::App,
    http::{
        caller::Client,
        problem::Failure,
        rate_limit::Limit,
        token::{Kind, Token},
    },
    sync::{Subject, note},
};
use axum::{Json, extract::State};
use willcall_domain::{
    devices::wire::{EnrolAnswer, EnrolRequest},
    id::DeviceId,
    problem::{Code, Problem},
    ticketing::key::public_key,
};

/// Enrols.
///
/// # Errors
/// One sentence for every token that does not work, so that nothing can be learnt by trying; `too-many-requests` for
/// who tries often.
pub async fn enrol(
    Client(client): Client,
    State(app): State<App>,
    Json(ask): Json<EnrolRequest>,
) -> Result<Json<EnrolAnswer>, Failure> {
    app.limits.check(Limit::Enrol, &client.to_string(), app.clock.monotonic_ms())?;
    let refused = || {
        Problem::new(
            Code::Unauthenticated,
            "This enrolment code is not valid, was used or has run out. Ask for a new one.",
        )
    };
    let key = public_key(&ask.public_key).map_err(|e| Problem::field("public_key", e.to_string()))?;
    let token = Token::read(Kind::Enrolment, ask.token.trim()).ok_or_else(refused)?;
    let mut tx = app.begin(token.organizer).await?;
    let device = DeviceId(token.subject);
    let secret = Token::device(token.organizer, device, app.entropy.as_ref());
    let software: String = ask.software.chars().take(100).collect();
    let row = store::enrol(&mut tx, device, &token.hash(), &secret.hash(), key.as_bytes(), &software).await?;
    let row = row.ok_or_else(refused)?;
    let events = store::events(&mut tx, device).await?;
    let organizer = organizer::row(&mut tx).await?;
    note(&mut tx, Subject::Device(device)).await?;
    tx.commit().await?;
    tracing::info!(organizer = token.organizer.0, device = device.0, role = row.role.as_str(), "device enrolled");
    Ok(Json(EnrolAnswer {
        organizer_id: token.organizer,
        organizer_name: organizer.name.clone(),
        device_id: device,
        name: row.name,
        gate: row.gate,
        role: row.role,
        events,
        rights: row.rights,
        organizer: Some(organizer),
        device_token: secret.text().to_owned(),
        server_key: hex::encode(app.secrets.identity().verifying_key().as_bytes()),
        history: app.history,
    }))
}
