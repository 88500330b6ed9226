//! Enrolling: a token is spent once, and this machine becomes a station with a journal.

use crate::{
    devices,
    error::Fault,
    journal::{self, Pen},
    keys::KeptEnrolment,
    station::Station,
    sync,
};
use serde::Deserialize;
use url::Url;
use willcall_domain::{
    devices::wire::{EnrolAnswer, EnrolRequest, StatusView},
    problem::{Code, Problem},
    sync::Fact,
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
        secrets = secrets.with_new_device_key(&*station.host().entropy);
    }
    let key = secrets.device_key()?;
    let request = EnrolRequest {
        token: text.token,
        public_key: hex::encode(key.verifying_key().as_bytes()),
        software: station.software().to_owned(),
    };
    let answer = station.transport().enrol(&base, &request).await.map_err(Problem::from)?;
    willcall_domain::ticketing::key::public_key(&answer.server_key)
        .map_err(|e| Problem::new(Code::Protocol, format!("The server's key cannot be read: {e}.")))?;
    secrets.enrolment = Some(KeptEnrolment { url: base.to_string(), answer: answer.clone(), incarnation: 1 });
    station.replace_secrets(secrets)?;
    begin(station, base.to_string(), answer).await?;
    tracing::info!("enrolled");
    station.status().await
}

async fn begin(station: &Station, url: String, answer: EnrolAnswer) -> Result<(), Problem> {
    let (key, software) = (station.device_key()?, station.software().to_owned());
    let (at, entropy) = (station.reading().at, station.host().entropy.clone());
    station
        .db()
        .write(move |tx| {
            devices::keep(tx, &answer, &url, &key.verifying_key(), 1, at.wall)?;
            sync::meet_history(tx, answer.history)?;
            let pen = Pen { station: answer.device_id, incarnation: 1, key, entropy, at, gate: answer.gate.clone() };
            if journal::length(tx, pen.station, 1)? == 0 {
                journal::append(tx, &pen, &Fact::Opened { software }, None, Vec::new())?;
            }
            Ok(())
        })
        .await?;
    station.reload().await.map_err(Fault::into)
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
