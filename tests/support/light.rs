//! A station without an engine: enrolled, with a key and a chain, and nothing that it does by itself. For crowds of
//! stations, and for stations of versions that do not exist yet.

use anyhow::{Context, ensure};
use ed25519_dalek::{Signer, SigningKey};
use futures_util::StreamExt as _;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use uuid::Uuid;
use willcall_domain::{
    clock::{Clock, SystemClock},
    devices::wire::EnrolAnswer,
    entropy::{Entropy, OsEntropy},
    id::EntryId,
    sync::{
        At, ChangesAnswer, Draft, Entry, Fact, PROTOCOL, PROTOCOL_HEADER, PushAnswer, PushRequest,
        journal::{FIRST, bytes32},
    },
};

/// A station.
#[derive(Debug)]
pub struct Light {
    http: Client,
    base: String,
    /// What it was told when it enrolled.
    pub enrolment: EnrolAnswer,
    key: SigningKey,
    seq: u64,
    prev: [u8; 32],
    /// The version of the protocol it says it speaks.
    pub protocol: u32,
}

/// What a light station hears.
#[derive(Debug)]
pub enum Told {
    Changes(Box<ChangesAnswer>),
    Alive,
}

impl Light {
    /// Spends an enrolment token. A client may serve many stations.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn enrol(http: &Client, url: &str, token: &str) -> anyhow::Result<Self> {
        let key = SigningKey::from_bytes(&willcall_domain::entropy::bytes::<32>(&OsEntropy));
        let ask = json!({
            "token": token, "public_key": hex::encode(key.verifying_key().as_bytes()), "software": "a light station",
        });
        let answer = http.post(format!("{url}/api/station/v1/enrol")).json(&ask).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "enrolment was answered {status}: {text}");
        let enrolment = serde_json::from_str(&text).with_context(|| text)?;
        Ok(Self { http: http.clone(), base: url.to_owned(), enrolment, key, seq: 0, prev: FIRST, protocol: PROTOCOL })
    }

    /// The same, saying that it speaks this version.
    #[must_use]
    pub fn speaking(self, protocol: u32) -> Self {
        Self { protocol, ..self }
    }

    fn at(&self) -> At {
        let clock = SystemClock::new();
        At { wall: clock.now(), offset_ms: 0, uncertainty_ms: 5, boot: Uuid::nil(), monotonic_ms: clock.monotonic_ms() }
    }

    /// The next entry of its journal.
    ///
    /// # Errors
    /// When the fact cannot be written.
    pub fn record(&mut self, fact: Fact) -> anyhow::Result<Entry> {
        let draft = Draft {
            station: self.enrolment.device_id,
            incarnation: 1,
            seq: self.seq + 1,
            id: EntryId::born(SystemClock::new().now(), &OsEntropy),
            at: self.at(),
            saw: Vec::new(),
            fact,
            private: None,
        };
        let entry = draft.seal(&self.prev, &self.key)?;
        self.append(entry)
    }

    /// The next entry, of a kind nobody knows yet.
    ///
    /// # Errors
    /// When its hash cannot be made.
    pub fn record_strange(&mut self, kind: &str, body: &Value) -> anyhow::Result<Entry> {
        let mut entry = Entry {
            station: self.enrolment.device_id,
            incarnation: 1,
            seq: self.seq + 1,
            id: EntryId::born(SystemClock::new().now(), &OsEntropy),
            kind: kind.to_owned(),
            at: self.at(),
            saw: Vec::new(),
            body: body.to_string(),
            private_hash: hex::encode(FIRST),
            prev_hash: hex::encode(self.prev),
            hash: String::new(),
            signature: String::new(),
            private: None,
        };
        let hash = entry.content_hash()?;
        entry.hash = hex::encode(hash);
        let message = [b"willcall journal signature 1\0".as_slice(), &hash].concat();
        entry.signature = hex::encode(self.key.sign(&message).to_bytes());
        self.append(entry)
    }

    fn append(&mut self, entry: Entry) -> anyhow::Result<Entry> {
        self.seq = entry.seq;
        self.prev = bytes32(&entry.hash).context("a hash")?;
        Ok(entry)
    }

    /// A request as this station makes it.
    pub fn request(&self, method: reqwest::Method, path: &str) -> RequestBuilder {
        let url = format!("{}/api/station/v1/{path}", self.base);
        let request = self.http.request(method, url).bearer_auth(&self.enrolment.device_token);
        request.header(PROTOCOL_HEADER, self.protocol.to_string())
    }

    /// Asks and reads what came back, whatever it is.
    ///
    /// # Errors
    /// When there is no answer, or it is no JSON.
    pub async fn post(&self, path: &str, body: &impl Serialize) -> anyhow::Result<(StatusCode, Value)> {
        read(self.request(reqwest::Method::POST, path).json(body)).await
    }

    /// The same without a body.
    ///
    /// # Errors
    /// When there is no answer, or it is no JSON.
    pub async fn get(&self, path: &str) -> anyhow::Result<(StatusCode, Value)> {
        read(self.request(reqwest::Method::GET, path)).await
    }

    /// The first question of a contact; `nonce` is any.
    #[must_use]
    pub fn question(&self, waiting: u64) -> Value {
        let mut nonce = [0; 16];
        OsEntropy.fill(&mut nonce);
        json!({
            "nonce": hex::encode(nonce), "protocol": self.protocol, "software": "a light station", "incarnation": 1,
            "length": self.seq, "waiting": waiting, "tail_hash": hex::encode(self.prev),
        })
    }

    /// Brings a page of its journal, compressed as stations do.
    ///
    /// # Errors
    /// When it is not taken.
    pub async fn push(&self, entries: Vec<Entry>) -> anyhow::Result<PushAnswer> {
        let (status, answer) = read(self.page(pack(entries)?)).await?;
        ensure!(status.is_success(), "a page was answered {status}: {answer}");
        Ok(serde_json::from_value(answer)?)
    }

    /// The request that brings a page which [`pack`] has packed.
    pub fn page(&self, packed: Vec<u8>) -> RequestBuilder {
        let request = self.request(reqwest::Method::POST, "journal");
        request.header("content-type", "application/json").header("content-encoding", "gzip").body(packed)
    }

    /// Listens to the change feed from a position; gives each thing heard to `hear` until that says no more.
    ///
    /// # Errors
    /// When the stream breaks off, or is none.
    pub async fn listen(&self, after: i64, mut hear: impl FnMut(Told) -> bool) -> anyhow::Result<()> {
        let history = self.enrolment.history;
        let path = format!("changes?history={history}&after={after}&urgent={after}&stream=true");
        let answer = self.request(reqwest::Method::GET, &path).send().await?.error_for_status()?;
        let mut chunks = answer.bytes_stream();
        let (mut packed, mut text) = (Vec::new(), Vec::new());
        while let Some(chunk) = chunks.next().await {
            packed.extend_from_slice(&chunk?);
            // The client's own unpacking is off for streams; each piece is a whole packed member.
            let mut unpacked = Vec::new();
            if flate2::read::MultiGzDecoder::new(&packed[..]).read_to_end(&mut unpacked).is_err() {
                continue;
            }
            packed.clear();
            text.extend_from_slice(&unpacked);
            while let Some(end) = text.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = text.drain(..=end).collect();
                let told = match line.trim_ascii() {
                    b"" => Told::Alive,
                    line => Told::Changes(Box::new(serde_json::from_slice(line)?)),
                };
                if !hear(told) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// A page of entries as it travels.
///
/// # Errors
/// When it cannot be packed.
pub fn pack(entries: Vec<Entry>) -> anyhow::Result<Vec<u8>> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&serde_json::to_vec(&PushRequest { entries })?)?;
    Ok(packed.finish()?)
}

async fn read(request: RequestBuilder) -> anyhow::Result<(StatusCode, Value)> {
    let answer = request.send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    let value = serde_json::from_str(&text).with_context(|| format!("{status}: {text:.200}"))?;
    Ok((status, value))
}

/// A client for many light stations: it unpacks nothing by itself.
///
/// # Errors
/// When it cannot be made.
pub fn client() -> anyhow::Result<Client> {
    crate::choose_tls();
    Ok(Client::builder().no_gzip().pool_max_idle_per_host(4_096).build()?)
}
