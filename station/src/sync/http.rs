//! The transport over HTTP: time limits, compression, and reading what came back. A page that is not the server's is
//! *no link*: captive portals answer everything.

use super::transport::{Refusal, Server, Transport};
use async_trait::async_trait;
use flate2::{Compression, write::GzEncoder};
use reqwest::{
    Client, RequestBuilder, Response, StatusCode,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{io::Write, time::Duration};
use url::Url;
use willcall_domain::{
    devices::wire::{EnrolAnswer, EnrolRequest},
    leases::{Grant, wire::LeaseRequest},
    problem::{Code, Problem},
    sync::{ChangesAnswer, Contact, ContactAnswer, Cursor, PROTOCOL, PROTOCOL_HEADER, PushAnswer, PushRequest},
};

const CONNECT: Duration = Duration::from_secs(3);
const TOTAL: Duration = Duration::from_secs(15);
/// A snapshot may be large; it must only keep coming.
const SNAPSHOT_TOTAL: Duration = Duration::from_secs(600);
/// Answers larger than this are not the server's; a snapshot may be [`SNAPSHOT_LIMIT`].
const ANSWER_LIMIT: usize = 16 << 20;
const SNAPSHOT_LIMIT: usize = 512 << 20;

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
            .read_timeout(Duration::from_secs(35))
            .pool_idle_timeout(Duration::from_secs(60))
            .no_gzip()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| Problem::new(Code::Unavailable, format!("The HTTP client cannot be made: {e}.")))?;
        Ok(Self { client })
    }

    fn request(&self, method: reqwest::Method, server: &Server, path: &str) -> Result<RequestBuilder, Refusal> {
        let url = endpoint(&server.base, path)?;
        Ok(self
            .client
            .request(method, url)
            .timeout(TOTAL)
            .bearer_auth(&server.token)
            .header(PROTOCOL_HEADER, PROTOCOL.to_string()))
    }

    async fn post<Q: Serialize + Sync, A: DeserializeOwned>(
        &self,
        server: &Server,
        path: &str,
        body: &Q,
    ) -> Result<A, Refusal> {
        answer(self.request(reqwest::Method::POST, server, path)?.json(body), ANSWER_LIMIT).await
    }
}

fn endpoint(base: &Url, path: &str) -> Result<Url, Refusal> {
    let text = format!("{}/api/station/v1/{path}", base.as_str().trim_end_matches('/'));
    Url::parse(&text).map_err(|e| Refusal::NoLink(format!("The address {text} is not right: {e}.")))
}

async fn answer<A: DeserializeOwned>(request: RequestBuilder, limit: usize) -> Result<A, Refusal> {
    let bytes = body(request, limit).await?;
    serde_json::from_slice(&bytes).map_err(|_| not_the_server())
}

async fn body(request: RequestBuilder, limit: usize) -> Result<Vec<u8>, Refusal> {
    let response = request.send().await.map_err(|e| no_link(&e))?;
    let status = response.status();
    if status.is_success() {
        return read(response, limit).await;
    }
    let after = response.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok()).and_then(|v| v.trim().parse().ok());
    let bytes = read(response, 1 << 20).await?;
    match serde_json::from_slice::<Problem>(&bytes) {
        Ok(problem) => Err(Refusal::Problem { problem: Box::new(problem), retry_after_s: after }),
        Err(_) if status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE => {
            let problem = Problem::new(Code::Unavailable, "The server asks for patience.");
            Err(Refusal::Problem { problem: Box::new(problem), retry_after_s: after })
        }
        Err(_) => Err(not_the_server()),
    }
}

async fn read(mut response: Response, limit: usize) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| no_link(&e))? {
        if bytes.len() + chunk.len() > limit {
            return Err(Refusal::NoLink("The answer was larger than the server's may be.".into()));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn not_the_server() -> Refusal {
    Refusal::NoLink("Something answered that is not the server, perhaps the sign-in page of a network.".into())
}

/// In words for a person; the address stands on the screen beside it.
fn no_link(error: &reqwest::Error) -> Refusal {
    tracing::debug!(%error, "no answer");
    let words = if error.is_timeout() {
        "The server did not answer in time."
    } else if error.is_connect() {
        "The server cannot be reached."
    } else {
        "The answer was cut off."
    };
    Refusal::NoLink(words.into())
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

#[async_trait]
impl Transport for HttpTransport {
    async fn enrol(&self, base: &Url, request: &EnrolRequest) -> Result<EnrolAnswer, Refusal> {
        let post = self.client.post(endpoint(base, "enrol")?).timeout(TOTAL).json(request);
        answer(post.header(PROTOCOL_HEADER, PROTOCOL.to_string()), ANSWER_LIMIT).await
    }

    async fn contact(&self, server: &Server, contact: &Contact) -> Result<ContactAnswer, Refusal> {
        self.post(server, "contact", contact).await
    }

    async fn push(&self, server: &Server, page: &PushRequest) -> Result<PushAnswer, Refusal> {
        let json = serde_json::to_vec(page).map_err(crate::error::Fault::from)?;
        let request = self
            .request(reqwest::Method::POST, server, "journal")?
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_ENCODING, "gzip")
            .body(gzip(&json).map_err(crate::error::Fault::from)?);
        answer(request, ANSWER_LIMIT).await
    }

    async fn changes(&self, server: &Server, after: Cursor, wait_s: u32) -> Result<ChangesAnswer, Refusal> {
        let query = [
            ("history", after.history.to_string()),
            ("after", after.position.to_string()),
            ("wait_s", wait_s.to_string()),
        ];
        let request = self.request(reqwest::Method::GET, server, "changes")?.query(&query);
        answer(request.timeout(TOTAL + Duration::from_secs(u64::from(wait_s))), ANSWER_LIMIT * 4).await
    }

    async fn snapshot(&self, server: &Server) -> Result<Vec<u8>, Refusal> {
        let request = self.request(reqwest::Method::GET, server, "snapshot")?;
        body(request.timeout(SNAPSHOT_TOTAL).header(ACCEPT_ENCODING, "gzip"), SNAPSHOT_LIMIT).await
    }

    async fn lease(&self, server: &Server, request: &LeaseRequest) -> Result<Grant, Refusal> {
        self.post(server, "leases", request).await
    }
}
