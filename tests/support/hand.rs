//! A station written by hand: it signs whatever entries a test wants and sends them as the test says, which the product's
//! own station would never do.

use crate::house::House;
use anyhow::{Context, ensure};
use ed25519_dalek::SigningKey;
use serde_json::Value;
use std::sync::Mutex;
use uuid::Uuid;
use willcall_domain::{
    checkin::wire::{Class, Direction},
    clock::UtcMillis,
    devices::{
        Role,
        wire::{EnrolAnswer, EnrolRequest},
    },
    entropy::{self, OsEntropy},
    id::{DeviceId, EntryId, EventId, ListId, OrderId, PositionId, RequestId},
    leases::{Grant, GrantBody, check_grant, wire::LeaseRequest},
    money::{Currency, Money},
    orders::totals,
    sync::{
        At, ChangesAnswer, Contact, ContactAnswer, ContactBody, Draft, Entry, EntryRef, Fact, PROTOCOL,
        PROTOCOL_HEADER, Private, PushAnswer, Row, contact::check_contact, fact::SaleLine, journal::bytes32,
    },
    ticketing::key::public_key,
};

/// One branch of a journal.
#[derive(Debug, Clone)]
pub struct Pen {
    pub incarnation: u32,
    pub seq: u64,
    pub prev: [u8; 32],
    pub key: SigningKey,
}

/// The station.
#[derive(Debug)]
pub struct Hand {
    pub device: DeviceId,
    pub answer: EnrolAnswer,
    pub url: String,
    http: reqwest::Client,
    pen: Mutex<Pen>,
}

impl Hand {
    /// Enrols one.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn enrol(house: &House, name: &str, role: Role) -> anyhow::Result<Self> {
        Self::enrol_at(house.url(), house.invite(name, role).await?).await
    }

    /// Enrols one at this address, by a token.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn enrol_at(url: String, token: String) -> anyhow::Result<Self> {
        let key = SigningKey::from_bytes(&entropy::bytes::<32>(&OsEntropy));
        let http = reqwest::Client::new();
        let ask = EnrolRequest {
            token,
            public_key: hex::encode(key.verifying_key().to_bytes()),
            software: "hand".to_owned(),
        };
        let answer = http.post(format!("{url}/api/station/v1/enrol")).json(&ask).send().await?;
        let answer: EnrolAnswer = answer.error_for_status()?.json().await?;
        let pen = Mutex::new(Pen { incarnation: 1, seq: 0, prev: [0; 32], key });
        Ok(Self { device: answer.device_id, answer, url, http, pen })
    }

    /// A copy of where it stands: what a copied disk goes on from.
    #[must_use]
    pub fn pen(&self) -> Pen {
        self.pen.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Writes the next entry.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn write(&self, fact: Fact) -> anyhow::Result<Entry> {
        let mut pen = self.pen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        write(self.device, &mut pen, fact, None)
    }

    /// Writes the next entry under a time and with what it was decided with.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn write_knowing(&self, fact: Fact, when: When, saw: &[&Entry]) -> anyhow::Result<Entry> {
        let mut pen = self.pen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        write_knowing(self.device, &mut pen, fact, None, when, saw.iter().map(|entry| entry.reference()).collect())
    }

    /// Sends entries in a page.
    ///
    /// # Errors
    /// When the server does not take the page.
    pub async fn push(&self, entries: &[Entry]) -> anyhow::Result<PushAnswer> {
        self.push_json(&serde_json::json!({ "entries": entries })).await
    }

    /// Sends a page that was packed before.
    ///
    /// # Errors
    /// When the server does not take it.
    pub async fn push_packed(&self, page: Vec<u8>) -> anyhow::Result<PushAnswer> {
        let request =
            self.http.post(format!("{}/api/station/v1/journal", self.url)).bearer_auth(&self.answer.device_token);
        let request = request.header(PROTOCOL_HEADER, PROTOCOL.to_string()).header("content-encoding", "gzip");
        Ok(request.body(page).send().await?.error_for_status()?.json().await?)
    }

    /// Sends anything as a page.
    ///
    /// # Errors
    /// When the server does not take it.
    pub async fn push_json(&self, page: &Value) -> anyhow::Result<PushAnswer> {
        let request =
            self.http.post(format!("{}/api/station/v1/journal", self.url)).bearer_auth(&self.answer.device_token);
        let answer = request.header(PROTOCOL_HEADER, PROTOCOL.to_string()).json(page).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{status}: {text}");
        serde_json::from_str(&text).with_context(|| text)
    }

    /// What it says of itself in a contact, all as it should be.
    #[must_use]
    pub fn question(&self) -> Contact {
        let pen = self.pen();
        Contact {
            nonce: hex::encode(entropy::bytes::<16>(&OsEntropy)),
            protocol: PROTOCOL,
            software: "hand".to_owned(),
            incarnation: pen.incarnation,
            length: pen.seq,
            waiting: 0,
            tail_hash: if pen.seq == 0 { String::new() } else { hex::encode(pen.prev) },
            resume: None,
            machine: String::new(),
            suspect: false,
            clock: None,
            history: Some(self.answer.history),
            read: None,
            erased: Vec::new(),
        }
    }

    /// Asks for units and checks the grant.
    ///
    /// # Errors
    /// When the server lends nothing.
    pub async fn lease(&self, house: &House, wanted: u32) -> anyhow::Result<(GrantBody, Grant)> {
        let ask = LeaseRequest { request_id: RequestId(Uuid::now_v7()), quota_id: house.quota, wanted };
        let request =
            self.http.post(format!("{}/api/station/v1/leases", self.url)).bearer_auth(&self.answer.device_token);
        let answer = request.header(PROTOCOL_HEADER, PROTOCOL.to_string()).json(&ask).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{status}: {text}");
        let grant: Grant = serde_json::from_str(&text)?;
        let server = public_key(&self.answer.server_key).map_err(|e| anyhow::anyhow!("{e}"))?;
        Ok((check_grant(&grant, &server, self.device)?, grant))
    }

    /// Every row the feed has for it, from the beginning.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn rows(&self) -> anyhow::Result<Vec<Row>> {
        let url = format!("{}/api/station/v1/changes?history={}&after=0", self.url, self.answer.history);
        let request = self.http.get(url).bearer_auth(&self.answer.device_token);
        let answer = request.header(PROTOCOL_HEADER, PROTOCOL.to_string()).send().await?.error_for_status()?;
        let answer: ChangesAnswer = serde_json::from_str(&answer.text().await?)?;
        Ok(answer.changes.into_iter().map(|change| change.row).collect())
    }

    /// Makes contact.
    ///
    /// # Errors
    /// When the server refuses, or it is not the server.
    pub async fn contact(&self, ask: &Contact) -> anyhow::Result<ContactBody> {
        let request =
            self.http.post(format!("{}/api/station/v1/contact", self.url)).bearer_auth(&self.answer.device_token);
        let answer = request.header(PROTOCOL_HEADER, PROTOCOL.to_string()).json(ask).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{status}: {text}");
        let answer: ContactAnswer = serde_json::from_str(&text)?;
        let server = public_key(&self.answer.server_key).map_err(|e| anyhow::anyhow!("{e}"))?;
        Ok(check_contact(&answer, &ask.nonce, &server)?)
    }
}

/// Writes the next entry of a branch.
///
/// # Errors
/// When it cannot be signed.
pub fn write(device: DeviceId, pen: &mut Pen, fact: Fact, private: Option<&str>) -> anyhow::Result<Entry> {
    let wall = UtcMillis(1_793_610_000_000 + i64::try_from(pen.seq)? * 1_000);
    write_knowing(device, pen, fact, private, When { wall, ..When::default() }, Vec::new())
}

/// What a station's clocks say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When {
    pub wall: UtcMillis,
    /// Server time minus wall clock, in milliseconds.
    pub offset_ms: i64,
    /// -1 where it was never compared.
    pub uncertainty_ms: i64,
}

impl Default for When {
    fn default() -> Self {
        Self { wall: UtcMillis(1_793_610_000_000), offset_ms: 0, uncertainty_ms: 5 }
    }
}

fn write_knowing(
    device: DeviceId,
    pen: &mut Pen,
    fact: Fact,
    private: Option<&str>,
    when: When,
    saw: Vec<EntryRef>,
) -> anyhow::Result<Entry> {
    let When { wall, offset_ms, uncertainty_ms } = when;
    let draft = Draft {
        station: device,
        incarnation: pen.incarnation,
        seq: pen.seq + 1,
        id: EntryId::born(wall, &OsEntropy),
        at: At { wall, offset_ms, uncertainty_ms, boot: Uuid::nil(), monotonic_ms: pen.seq },
        saw,
        fact,
        private: private.map(|data| Private::new(data.to_owned(), &OsEntropy)),
    };
    let entry = draft.seal(&pen.prev, &pen.key)?;
    pen.seq += 1;
    pen.prev = bytes32(&entry.hash).context("a hash")?;
    Ok(entry)
}

/// An incarnation begins.
#[must_use]
pub fn opened() -> Fact {
    Fact::Opened { software: "hand".to_owned() }
}

/// Somebody comes in with this ticket.
#[must_use]
pub fn entered(house: &House, position: PositionId) -> Fact {
    entered_at(house.event, house.list, position)
}

/// The same at any event.
#[must_use]
pub fn entered_at(event_id: EventId, list_id: ListId, position: PositionId) -> Fact {
    Fact::Scan {
        event_id,
        list_id,
        position_id: Some(position),
        payload_hash: None,
        direction: Direction::Entry,
        class: Class::Admitted,
        reason: None,
        time_by_hand: None,
    }
}

/// A sale of one adult ticket that takes no unit of any lease.
#[must_use]
pub fn sold(house: &House, order_id: OrderId, code: &str) -> Fact {
    let price = Money::new(2400, Currency::EUR);
    let tax = totals([(price, 700)], Currency::EUR).ok().and_then(|t| Some(t.taxes.first()?.tax));
    let tax = tax.unwrap_or(Money::new(0, Currency::EUR));
    Fact::Sale {
        order_id,
        order_code: code.to_owned(),
        event_id: house.event,
        request_id: RequestId(order_id.0),
        lines: vec![SaleLine {
            position_id: PositionId(order_id.0),
            item_id: house.adult,
            variation_id: None,
            date_id: None,
            addon_to: None,
            price,
            tax_rate_bp: 700,
            tax,
            units: vec![],
            blank: None,
            item_version: 0,
            voucher: None,
        }],
        total: price,
    }
}
