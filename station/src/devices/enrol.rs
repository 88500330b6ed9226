//! Enrolling: a token is spent once, and this machine becomes a station with a journal.

use crate::{
    access, devices,
    error::Fault,
    journal::{self, Pen},
    keys::KeptEnrolment,
    leases,
    station::Station,
    sync,
};
use ed25519_dalek::SigningKey;
use rusqlite::Transaction;
use serde::Deserialize;
use std::sync::Arc;
use url::Url;
use willcall_domain::{
    devices::wire::{EnrolRequest, StatusView},
    entropy::Entropy,
    problem::{Code, Problem},
    sync::{At, Fact, fact::ClosedReason},
};

/// What an organizer hands out: address and token, apart or together as one text (a QR code, a pasted line).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct EnrolmentText {
    pub url: String,
    pub token: String,
}

impl EnrolmentText {
    /// Reads both fields; either may hold the whole, as JSON `{"url", "token"}` or `willcall:enrol?url=…&token=…`.
    #[must_use]
    pub fn parse(url: &str, token: &str) -> Self {
        [url, token]
            .into_iter()
            .find_map(Self::whole)
            .unwrap_or_else(|| Self { url: url.trim().to_owned(), token: token.trim().to_owned() })
    }

    fn whole(text: &str) -> Option<Self> {
        if let Ok(found) = serde_json::from_str(text) {
            return Some(found);
        }
        let parsed = Url::parse(text.trim()).ok().filter(|u| u.scheme() == "willcall" && u.path() == "enrol")?;
        let part = |name: &str| parsed.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        Some(Self { url: part("url")?, token: part("token")? })
    }
}

/// Enrols this station.
///
/// # Errors
/// When it is enrolled already, the address or token is not right, or there is no link. A spent token is not asked for
/// again: the device key stays the same, so the same token may be tried once more after a lost answer.
pub async fn enrol(station: &Station, url: &str, token: &str) -> Result<StatusView, Problem> {
    let text = EnrolmentText::parse(url, token);
    let base = base_url(&text.url)?;
    if text.token.is_empty() || text.token.len() > 500 {
        return Err(Problem::field(
            "token",
            "The token is the text the organizer shows once when the device is added.",
        ));
    }
    let before = station.identity();
    if let Some(identity) = before.as_ref().filter(|i| !i.revoked) {
        let name = &identity.name;
        let detail = format!("This station is enrolled as {name:?}. Use another folder for another station.");
        return Err(Problem::new(Code::Conflict, detail));
    }
    let mut secrets = station.secrets();
    if before.is_some() {
        // A station enrolled again is a new station. The key waits with the keys until its journal is begun, so that the
        // same token may be tried once more after a lost answer.
        secrets = secrets.with_next_device_key(&*station.host().entropy);
        station.replace_secrets(secrets.clone())?;
    }
    let old_key = Arc::new(secrets.device_key()?);
    let key = secrets.next_device_key()?.map_or_else(|| old_key.clone(), Arc::new);
    let request = EnrolRequest {
        token: text.token,
        public_key: hex::encode(key.verifying_key().as_bytes()),
        software: station.software().to_owned(),
    };
    let answer = station.transport().enrol(&base, &request).await.map_err(Problem::from)?;
    willcall_domain::ticketing::key::public_key(&answer.server_key)
        .map_err(|e| Problem::new(Code::Protocol, format!("The server's key cannot be read: {e}.")))?;
    let kept = KeptEnrolment { url: base.to_string(), answer, incarnation: 1, begun: false };
    secrets.enrolment = Some(kept.clone());
    station.replace_secrets(secrets)?;
    begin(station, kept, old_key, key).await?;
    tracing::info!("enrolled");
    station.status().await
}

async fn begin(
    station: &Station,
    kept: KeptEnrolment,
    old_key: Arc<SigningKey>,
    key: Arc<SigningKey>,
) -> Result<(), Problem> {
    let (at, entropy, software) = (station.reading().at, station.host().entropy.clone(), station.software().to_owned());
    let write = move |tx: &Transaction<'_>| begin_in(tx, &Begin { kept: &kept, old_key, key, entropy, at, software });
    station.db().write(write).await?;
    let mut secrets = station.secrets().promoted();
    if let Some(kept) = &mut secrets.enrolment {
        kept.begun = true;
    }
    let all = station.db().read(|tx| devices::keys_of_all(tx)).await?;
    secrets.remember_keys(all);
    station.replace_secrets(secrets)?;
    station.reload().await.map_err(Fault::into)
}

/// What the journal of an enrolment is begun with.
pub(crate) struct Begin<'a> {
    pub kept: &'a KeptEnrolment,
    /// The key of the enrolment before, where there was one.
    pub old_key: Arc<SigningKey>,
    pub key: Arc<SigningKey>,
    pub entropy: Arc<dyn Entropy>,
    pub at: At,
    pub software: String,
}

/// Ends the journal of the enrolment before, and begins the new one.
pub(crate) fn begin_in(tx: &Transaction<'_>, begin: &Begin<'_>) -> Result<(), Fault> {
    let answer = &begin.kept.answer;
    let pen = |station, incarnation, key: &Arc<SigningKey>, gate: &str| Pen {
        station,
        incarnation,
        key: key.clone(),
        entropy: begin.entropy.clone(),
        at: begin.at,
        gate: gate.to_owned(),
    };
    if let Some(before) = devices::current(tx)?.filter(|before| before.device_id != answer.device_id)
        && before.public_key == begin.old_key.verifying_key()
        && !journal::is_closed(tx, before.device_id, before.incarnation)?
    {
        let pen = pen(before.device_id, before.incarnation, &begin.old_key, before.place());
        leases::give_back::all_that_is_held(tx, &pen)?;
        journal::append(tx, &pen, &Fact::Closed { reason: ClosedReason::Reenrolled }, None, Vec::new())?;
    }
    let incarnation = begin.kept.incarnation;
    devices::keep(tx, answer, &begin.kept.url, &begin.key.verifying_key(), incarnation, begin.at.wall)?;
    let epoch = sync::meet_history(tx, answer.history)?;
    if let Some(organizer) = &answer.organizer {
        access::put_organizer(tx, organizer, epoch)?;
    }
    if !begin.kept.begun && journal::length(tx, answer.device_id, incarnation)? == 0 {
        let pen = pen(answer.device_id, incarnation, &begin.key, &answer.gate);
        journal::append(tx, &pen, &Fact::Opened { software: begin.software.clone() }, None, Vec::new())?;
    }
    Ok(())
}

fn base_url(text: &str) -> Result<Url, Problem> {
    let bad =
        || Problem::field("url", "The address looks like https://tickets.example.org, as the organizer shows it.");
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let mut url = Url::parse(&with_scheme).map_err(|_| bad())?;
    if !matches!(url.scheme(), "http" | "https")
        || url.host_str().is_none_or(str::is_empty)
        || !url.username().is_empty()
    {
        return Err(bad());
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_and_token_come_apart_or_as_one_text_in_either_field() {
        let want = EnrolmentText { url: "https://t.example".into(), token: "s3cret+/".into() };
        for (url, token) in [
            (" https://t.example", "s3cret+/ "),
            (r#"{"url":"https://t.example","token":"s3cret+/"}"#, ""),
            ("", r#"{"url":"https://t.example","token":"s3cret+/"}"#),
            ("willcall:enrol?url=https%3A%2F%2Ft.example&token=s3cret%2B%2F", ""),
        ] {
            assert_eq!(EnrolmentText::parse(url, token), want, "{url} {token}");
        }
    }

    #[test]
    fn an_address_that_is_none_is_refused_beside_its_field() {
        for text in ["", "ftp://x", "https://", "http://[", "mailto:a@b"] {
            assert_eq!(base_url(text).unwrap_err().fields[0].field, "url", "{text}");
        }
        assert_eq!(base_url("t.example/shop?x=1#y").unwrap().as_str(), "https://t.example/shop");
    }
}
