//! Event keys: made once, sealed in the database, opened to sign.

use super::store;
use crate::http::problem::Failure;
use crate::{
    app::{App, Tx},
    sync::{Subject, note},
};
use ed25519_dalek::{
    SigningKey, VerifyingKey,
    pkcs8::{EncodePublicKey, spki::der::pem::LineEnding},
};
use std::collections::BTreeMap;
use willcall_domain::{
    catalog::Article,
    clock::UtcMillis,
    id::{EventId, OrganizerId, PositionId},
    problem::{Code, Problem},
    ticketing::{Claims, CodeFormat, Flags, sig1, wc1},
};
use zeroize::Zeroizing;

/// Signs the codes of one event with its active key.
pub struct Signer {
    organizer: OrganizerId,
    event: EventId,
    pub number: u8,
    pub format: CodeFormat,
    key: SigningKey,
}

/// What a code says of its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeOf {
    pub position_id: PositionId,
    pub issue: u8,
    pub article: Article,
    pub flags: Flags,
    pub valid_from: Option<UtcMillis>,
    pub valid_until: Option<UtcMillis>,
}

/// The active key of `event`, made when there is none yet.
///
/// # Errors
/// When the sealed key does not open, or the database is away.
pub async fn signer(tx: &mut Tx, app: &App, event: EventId) -> Result<Signer, Failure> {
    let organizer = tx.organizer;
    let format = store::code_format(tx, event).await?.ok_or_else(|| Problem::new(Code::NotFound, "No such event."))?;
    let (number, key) = match store::active_key(tx, event).await? {
        Some((number, sealed, has_next)) => {
            if !has_next {
                make_next(tx, app, event).await?;
            }
            let key = app.secrets.unseal(organizer, event, number, &sealed);
            (
                number,
                key.map_err(|e| {
                    tracing::error!(event = event.0, number, error = %e, "an event key does not open");
                    Problem::new(Code::Internal, "The key of this event cannot be opened.")
                })?,
            )
        }
        None => make(tx, app, event).await?,
    };
    Ok(Signer { organizer, event, number, format, key })
}

/// What codes of `event` verify under, by key number: a PEM block with lines before it that say whose key it is, as
/// `willcall-station ticket inspect` reads it.
///
/// # Errors
/// When a stored key is none, or the database is away.
pub async fn public_keys(tx: &mut Tx, event: EventId) -> anyhow::Result<BTreeMap<u8, String>> {
    let organizer = tx.organizer;
    let mut keys = BTreeMap::new();
    for (number, bytes) in store::public_keys(tx, event).await? {
        let pem = VerifyingKey::try_from(&bytes[..])?.to_public_key_pem(LineEnding::LF)?;
        keys.insert(u8::try_from(number)?, format!("organizer: {organizer}\nevent: {event}\n{pem}"));
    }
    Ok(keys)
}

async fn make(tx: &mut Tx, app: &App, event: EventId) -> Result<(u8, SigningKey), Failure> {
    const FIRST_NUMBER: u8 = 1;
    let key = born(tx, app, event, FIRST_NUMBER, false).await?;
    make_next(tx, app, event).await?;
    Ok((FIRST_NUMBER, key))
}

/// Makes the key that signs next, unless there is one: stations get it long before it signs. An event whose numbers are
/// used up goes on with the keys it has.
pub(super) async fn make_next(tx: &mut Tx, app: &App, event: EventId) -> Result<(), Failure> {
    match store::free_number(tx, event).await? {
        Some(number) => born(tx, app, event, number, true).await.map(drop),
        None => {
            tracing::error!(event = event.0, "this event has had all the keys there can be");
            Ok(())
        }
    }
}

async fn born(tx: &mut Tx, app: &App, event: EventId, number: u8, next: bool) -> Result<SigningKey, Failure> {
    let seed = Zeroizing::new(willcall_domain::entropy::bytes::<32>(app.entropy.as_ref()));
    let key = SigningKey::from_bytes(&seed);
    let sealed = app.secrets.seal(tx.organizer, event, number, &key, app.entropy.as_ref());
    let public = key.verifying_key().to_bytes();
    let row = store::NewKey { event, number, public: &public, sealed: &sealed, next, now: app.clock.now() };
    // Another request may have made the next one meanwhile; one is enough.
    if store::insert_key(tx, &row).await? || !next {
        note(tx, Subject::Key(event, number)).await?;
        tracing::info!(event = event.0, number, next, "event key made");
    }
    Ok(key)
}

impl Signer {
    /// The code of a position in the event's format; always the same for the same facts. `None` where the format
    /// cannot say it: the position then needs a plain secret.
    #[must_use]
    pub fn code(&self, of: &CodeOf) -> Option<String> {
        match self.format {
            CodeFormat::Wc1 => {
                let number = |id: Option<i64>| id.map_or(Some(0), |id| u32::try_from(id).ok());
                let claims = Claims {
                    key_number: self.number,
                    position_id: of.position_id,
                    issue: of.issue,
                    flags: of.flags,
                    item_id: of.article.item_id,
                    variation: number(of.article.variation_id.map(|v| v.0))?,
                    date: number(of.article.date_id.map(|d| d.0))?,
                    valid_from: of.valid_from,
                    valid_until: of.valid_until,
                };
                wc1::sign(&claims, self.organizer, self.event, &self.key).ok()
            }
            CodeFormat::Sig1 => {
                let claims = sig1::Sig1Claims {
                    seed: sig1::seed(of.position_id, of.issue),
                    item_id: of.article.item_id,
                    variation: of.article.variation_id.map_or(0, |v| v.0),
                    date: of.article.date_id.map_or(0, |d| d.0),
                    valid_from: of.valid_from,
                    valid_until: of.valid_until,
                };
                Some(sig1::sign(&claims, &self.key))
            }
        }
    }
}
