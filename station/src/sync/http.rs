//! The transport over HTTP: time limits at each step, compression, and reading what came back. A page that is not the
//! server's is *unusable*: captive portals answer everything.

use super::{
    following::{self, Silence},
    transport::{Download, Following, Refusal, Server, Standing, Transport},
};
use async_trait::async_trait;
use flate2::{Compression, write::GzEncoder};
use futures_util::{StreamExt as _, stream};
use reqwest::{
    Client, RequestBuilder, Response, StatusCode,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{future::Future, io::Write, time::Duration};
use url::Url;
use willcall_domain::{
    devices::wire::{EnrolAnswer, EnrolRequest},
    id::EventId,
    leases::{Grant, RightGrant, RightRequest, wire::LeaseRequest},
    problem::{Code, Problem},
    sync::{
        ChangesAnswer, Contact, ContactAnswer, Cursor, Entry, Offer, OfferAnswer, PROTOCOL, PROTOCOL_HEADER,
        PushAnswer, PushRequest, journal::GiveBackAnswer, mirror::CarriedAnswer,
    },
};

const CONNECT: Duration = Duration::from_secs(2);
/// From the last byte of a question to the first of its answer.
const FIRST_BYTE: Duration = Duration::from_secs(5);
/// A question and its whole answer; shorter than what the server gives itself.
const ITEM: Duration = Duration::from_secs(15);
/// Bytes a line carries at least in a millisecond; below it nothing is worth waiting for.
const SLOWEST_BYTES_MS: usize = 4;
/// Answers larger than this are not the server's; a snapshot may be [`SNAPSHOT_LIMIT`].
const ANSWER_LIMIT: usize = 16 << 20;
const SNAPSHOT_LIMIT: u64 = 4 << 30;
/// How long a server of the first version, which has no stream, keeps a question for changes.
const WAIT_S: u32 = 20;

/// HTTP to the server.
#[derive(Debug)]
pub struct HttpTransport {
    client: Client,
}

impl HttpTransport {
    /// # Errors
    /// When the system's certificates cannot be read.
    pub fn new() -> Result<Self, Problem> {
        // Whoever comes first installs it for the whole process; every part of it uses the same one.
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .connect_timeout(CONNECT)
            .pool_idle_timeout(Duration::from_secs(60))
            .no_gzip()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| Problem::new(Code::Unavailable, format!("The HTTP client cannot be made: {e}.")))?;
        Ok(Self { client })
    }

    fn request(&self, method: reqwest::Method, server: &Server, path: &str) -> Result<RequestBuilder, Refusal> {
        let url = endpoint(&server.base, path)?;
        let request = self.client.request(method, url).bearer_auth(&server.token);
        Ok(request.header(PROTOCOL_HEADER, PROTOCOL.to_string()))
    }

    fn get(&self, server: &Server, path: &str) -> Result<RequestBuilder, Refusal> {
        Ok(self.request(reqwest::Method::GET, server, path)?.header(ACCEPT_ENCODING, "gzip"))
    }

    async fn post<Q: Serialize + Sync, A: DeserializeOwned>(
        &self,
        server: &Server,
        path: &str,
        body: &Q,
    ) -> Result<A, Refusal> {
        answer(self.request(reqwest::Method::POST, server, path)?.json(body), FIRST_BYTE).await
    }
}

fn endpoint(base: &Url, path: &str) -> Result<Url, Refusal> {
    let text = format!("{}/api/station/v1/{path}", base.as_str().trim_end_matches('/'));
    Url::parse(&text).map_err(|e| Refusal::Unreached(format!("The address {text} is not right: {e}.")))
}

/// Asks and reads the whole answer.
async fn answer<A: DeserializeOwned>(request: RequestBuilder, first_byte: Duration) -> Result<A, Refusal> {
    let whole = async {
        let response = begin(request, first_byte).await?;
        let bytes = read(response, ANSWER_LIMIT).await?;
        serde_json::from_slice(&bytes).map_err(|_| not_the_server())
    };
    within(ITEM, whole).await
}

async fn within<A>(limit: Duration, asking: impl Future<Output = Result<A, Refusal>>) -> Result<A, Refusal> {
    tokio::time::timeout(limit, asking).await.unwrap_or_else(|_| Err(too_late()))
}

/// Asks and waits for the first byte of an answer that says yes.
async fn begin(request: RequestBuilder, first_byte: Duration) -> Result<Response, Refusal> {
    let asked = async { request.send().await.map_err(|e| no_link(&e)) };
    let response = within(CONNECT + first_byte, asked).await?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let after = response.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok()).and_then(|v| v.trim().parse().ok());
    let bytes = within(ITEM, read(response, 1 << 20)).await?;
    match serde_json::from_slice::<Problem>(&bytes) {
        Ok(problem) => Err(Refusal::Problem { problem: Box::new(problem), retry_after_s: after }),
        // Something in front of the server speaks for it.
        Err(_) if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => {
            let problem = Problem::new(Code::Unavailable, "The server asks for patience.");
            Err(Refusal::Problem { problem: Box::new(problem), retry_after_s: after })
        }
        Err(_) => Err(not_the_server()),
    }
}

async fn read(mut response: Response, limit: usize) -> Result<Vec<u8>, Refusal> {
    let packed = following::is_packed(&response);
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| no_link(&e))? {
        if bytes.len() + chunk.len() > limit {
            return Err(Refusal::Unusable("The answer was larger than the server's may be.".into()));
        }
        bytes.extend_from_slice(&chunk);
    }
    if packed { following::unpack(&bytes, limit * 4) } else { Ok(bytes) }
}

fn not_the_server() -> Refusal {
    Refusal::Unusable("Something answered that is not the server, perhaps the sign-in page of a network.".into())
}

fn too_late() -> Refusal {
    Refusal::NoLink("The server did not answer in time.".into())
}

/// In words for a person.
pub(super) fn no_link(error: &reqwest::Error) -> Refusal {
    tracing::debug!(%error, "no answer");
    if error.is_connect() {
        Refusal::Unreached("The server cannot be reached.".into())
    } else if error.is_timeout() {
        too_late()
    } else {
        // Whoever breaks a line off keeps nobody waiting, so asking again costs as little as where nobody is.
        Refusal::Unreached("The line broke off.".into())
    }
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// A page goes up before its answer comes down: on a thin line that takes its time.
fn first_byte_after(sent: usize) -> Duration {
    FIRST_BYTE + Duration::from_millis(u64::try_from(sent / SLOWEST_BYTES_MS).unwrap_or(u64::MAX)).min(ITEM)
}

fn standing(from: Standing) -> [(&'static str, String); 3] {
    [
        ("history", from.after.history.to_string()),
        ("after", from.after.position.to_string()),
        ("urgent", from.urgent.to_string()),
    ]
}

/// A snapshot on its way.
struct Arriving {
    response: Response,
    read: u64,
    silence: Silence,
}

impl Arriving {
    async fn next(mut self) -> Option<(Result<Vec<u8>, Refusal>, Self)> {
        let chunk = tokio::time::timeout_at(self.silence.ends(), self.response.chunk()).await;
        let chunk = match chunk {
            Err(_) => Err(Refusal::NoLink("The server fell silent.".into())),
            Ok(Err(error)) => Err(no_link(&error)),
            Ok(Ok(None)) => return None,
            Ok(Ok(Some(_))) if self.read >= SNAPSHOT_LIMIT => {
                Err(Refusal::Unusable("The snapshot was larger than the server's may be.".into()))
            }
            Ok(Ok(Some(chunk))) => {
                self.read += chunk.len() as u64;
                self.silence.heard(chunk.len());
                Ok(chunk.to_vec())
            }
        };
        Some((chunk, self))
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn enrol(&self, base: &Url, request: &EnrolRequest) -> Result<EnrolAnswer, Refusal> {
        let post = self.client.post(endpoint(base, "enrol")?).json(request);
        answer(post.header(PROTOCOL_HEADER, PROTOCOL.to_string()), FIRST_BYTE).await
    }

    async fn contact(&self, server: &Server, contact: &Contact) -> Result<ContactAnswer, Refusal> {
        self.post(server, "contact", contact).await
    }

    async fn push(&self, server: &Server, page: &PushRequest) -> Result<PushAnswer, Refusal> {
        let json = serde_json::to_vec(page).map_err(crate::error::Fault::from)?;
        let packed = gzip(&json).map_err(crate::error::Fault::from)?;
        let first_byte = first_byte_after(packed.len());
        let request = self
            .request(reqwest::Method::POST, server, "journal")?
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_ENCODING, "gzip")
            .body(packed);
        answer(request, first_byte).await
    }

    async fn changes(&self, server: &Server, from: Standing, most: u32) -> Result<ChangesAnswer, Refusal> {
        let request = self.get(server, "changes")?.query(&standing(from)).query(&[("most", most)]);
        answer(request, FIRST_BYTE).await
    }

    async fn follow(&self, server: &Server, from: Standing) -> Result<Following, Refusal> {
        let asked = [("stream", "true".to_owned()), ("wait_s", WAIT_S.to_string())];
        let request = self.get(server, "changes")?.query(&standing(from)).query(&asked);
        // A server of the first version answers only when it has something, or has waited long enough.
        let waits = if server.protocol < 2 { Duration::from_secs(u64::from(WAIT_S)) } else { Duration::ZERO };
        let first_byte = FIRST_BYTE + waits;
        let response = begin(request, first_byte).await?;
        if following::is_stream(&response) {
            return Ok(following::follow(response));
        }
        let bytes = within(ITEM, read(response, ANSWER_LIMIT)).await?;
        let answer: ChangesAnswer = serde_json::from_slice(&bytes).map_err(|_| not_the_server())?;
        Ok(Box::pin(stream::iter([Ok(super::transport::Heard::Changes(Box::new(answer)))])))
    }

    async fn snapshot(&self, server: &Server, events: &[EventId], least: Option<Cursor>) -> Result<Download, Refusal> {
        let mut request = self.get(server, "snapshot")?;
        if let Some(least) = least {
            request = request.query(&[("least", least.position)]);
        }
        if !events.is_empty() {
            let events: Vec<String> = events.iter().map(ToString::to_string).collect();
            request = request.query(&[("events", events.join(","))]);
        }
        let response = begin(request, FIRST_BYTE).await?;
        let arriving = Arriving { response, read: 0, silence: Silence::of_snapshot() };
        Ok(stream::unfold(arriving, Arriving::next).boxed())
    }

    async fn lease(&self, server: &Server, request: &LeaseRequest) -> Result<Grant, Refusal> {
        self.post(server, "leases", request).await
    }

    async fn right(&self, server: &Server, request: &RightRequest) -> Result<RightGrant, Refusal> {
        self.post(server, "rights", request).await
    }

    async fn carry(&self, server: &Server, file: Vec<u8>) -> Result<CarriedAnswer, Refusal> {
        let first_byte = first_byte_after(file.len());
        let request = self.request(reqwest::Method::POST, server, "journal/carried")?;
        answer(request.header(CONTENT_TYPE, "application/octet-stream").body(file), first_byte).await
    }

    async fn offer(&self, server: &Server, offer: &Offer) -> Result<OfferAnswer, Refusal> {
        self.post(server, "offers", offer).await
    }

    async fn give_back(&self, server: &Server, incarnation: u32, after: u64) -> Result<Vec<Entry>, Refusal> {
        let asked = [("incarnation", u64::from(incarnation)), ("after", after)];
        let request = self.get(server, "journal")?.query(&asked);
        Ok(answer::<GiveBackAnswer>(request, FIRST_BYTE).await?.entries)
    }
}
