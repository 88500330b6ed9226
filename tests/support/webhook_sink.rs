//! An HTTP server that keeps what is posted to it, or hangs, refuses, is slow, or hangs up. For anything the product
//! calls out to; knows no signature and no format.

use crate::tally::Tally;
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// How it treats a request. All but `Hang` and `HangUp` keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// 200 with an empty body.
    Ok,
    /// The request is read and never answered, and not kept.
    Hang,
    /// Answered with this status.
    Status(u16),
    /// Answered 200 after this long.
    Slow(Duration),
    /// The connection is closed without an answer, and the request not kept.
    HangUp,
}

/// One request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case; of equal names the last.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// A running sink. Dropped, it closes.
#[derive(Debug)]
pub struct WebhookSink {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    manner: Mutex<Manner>,
    requests: Tally<Request>,
    attempts: Tally<()>,
}

const MAX_BODY: usize = 32 << 20;
const MAX_LINE: u64 = 64 << 10;

impl WebhookSink {
    /// Starts on a free port of loopback.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared =
            Arc::new(Shared { manner: Mutex::new(Manner::Ok), requests: Tally::default(), attempts: Tally::default() });
        let accepting = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                let mut open = JoinSet::new();
                while let Ok((stream, _)) = listener.accept().await {
                    let shared = Arc::clone(&shared);
                    // A client that breaks off has asked nothing.
                    open.spawn(async move { drop(converse(stream, &shared).await) });
                    while open.try_join_next().is_some() {}
                }
            }
        });
        Ok(Self { address, shared, accepting })
    }

    /// Changes its manner for the next requests.
    pub fn set(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap_or_else(PoisonError::into_inner) = manner;
    }

    /// What was kept so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.all()
    }

    /// How many requests were read so far, kept or not.
    #[must_use]
    pub fn attempts(&self) -> usize {
        self.shared.attempts.len()
    }

    /// Waits for the n-th request that is kept.
    ///
    /// # Errors
    /// When it does not come within `patience`.
    pub async fn wait_for(&self, n: usize, patience: Duration) -> anyhow::Result<Vec<Request>> {
        self.shared.requests.wait_for(n, patience).await
    }

    /// Waits for the n-th request that is read, kept or not.
    ///
    /// # Errors
    /// When it does not come within `patience`.
    pub async fn wait_for_attempt(&self, n: usize, patience: Duration) -> anyhow::Result<()> {
        self.shared.attempts.wait_for(n, patience).await.map(drop)
    }

    /// `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for WebhookSink {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

type Talk = BufReader<TcpStream>;

async fn converse(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut talk = BufReader::new(stream);
    while let Some(request) = read(&mut talk).await? {
        shared.attempts.push(());
        let manner = *shared.manner.lock().unwrap_or_else(PoisonError::into_inner);
        let status = match manner {
            Manner::Hang => std::future::pending().await,
            Manner::HangUp => return Ok(()),
            Manner::Slow(by) => {
                tokio::time::sleep(by).await;
                200
            }
            Manner::Ok => 200,
            Manner::Status(status) => status,
        };
        shared.requests.push(request);
        let answer = format!("HTTP/1.1 {status} answer\r\ncontent-length: 0\r\n\r\n");
        talk.write_all(answer.as_bytes()).await?;
        talk.flush().await?;
    }
    Ok(())
}

/// The next request of a connection; `None` at its end.
async fn read(talk: &mut Talk) -> io::Result<Option<Request>> {
    let Some(first) = line(talk).await? else { return Ok(None) };
    let mut words = first.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let mut headers = BTreeMap::new();
    loop {
        let Some(header) = line(talk).await? else { return Err(io::ErrorKind::UnexpectedEof.into()) };
        let Some((name, value)) = header.split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let chunked = headers.get("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked"));
    let length = headers.get("content-length").and_then(|v| v.parse().ok()).unwrap_or(0);
    let body = if chunked { chunks(talk).await? } else { exactly(talk, length).await? };
    Ok(Some(Request { method: method.to_owned(), target: target.to_owned(), headers, body }))
}

async fn chunks(talk: &mut Talk) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(talk).await?.unwrap_or_default();
        let size = size.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        if body.len() + size > MAX_BODY {
            return Err(io::ErrorKind::InvalidData.into());
        }
        body.extend(exactly(talk, size).await?);
        line(talk).await?;
        if size == 0 {
            return Ok(body);
        }
    }
}

async fn exactly(talk: &mut Talk, length: usize) -> io::Result<Vec<u8>> {
    if length > MAX_BODY {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut body = vec![0; length];
    talk.read_exact(&mut body).await?;
    Ok(body)
}

async fn line(talk: &mut Talk) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if talk.take(MAX_LINE).read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn client(patience: Duration) -> reqwest::Client {
        crate::choose_tls();
        reqwest::Client::builder().timeout(patience).build().unwrap()
    }

    async fn post(sink: &WebhookSink, patience: Duration) -> reqwest::Result<u16> {
        let request = client(patience).post(format!("{}/hook?a=1", sink.url())).header("X-Id", "7").body("hello");
        request.send().await.map(|r| r.status().as_u16())
    }

    #[tokio::test]
    async fn a_request_is_kept_as_it_came() {
        let sink = WebhookSink::start().await.unwrap();
        assert_eq!(post(&sink, PATIENCE).await.unwrap(), 200);
        let [request] = &sink.wait_for(1, PATIENCE).await.unwrap()[..] else { panic!("one request") };
        assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/hook?a=1"));
        assert_eq!((request.headers["x-id"].as_str(), &request.body[..]), ("7", &b"hello"[..]));
    }

    #[tokio::test]
    async fn a_chunked_body_is_put_together() {
        let sink = WebhookSink::start().await.unwrap();
        let pieces = futures_util::stream::iter(["he", "l", "lo"].map(Ok::<_, io::Error>));
        let body = reqwest::Body::wrap_stream(pieces);
        client(PATIENCE).post(sink.url()).body(body).send().await.unwrap();
        assert_eq!(sink.requests()[0].body, b"hello");
    }

    #[tokio::test]
    async fn it_refuses_with_the_status_wanted() {
        let sink = WebhookSink::start().await.unwrap();
        sink.set(Manner::Status(503));
        assert_eq!(post(&sink, PATIENCE).await.unwrap(), 503);
    }

    #[tokio::test]
    async fn it_hangs_until_the_client_gives_up_and_keeps_nothing() {
        let sink = WebhookSink::start().await.unwrap();
        sink.set(Manner::Hang);
        assert!(post(&sink, Duration::from_millis(100)).await.unwrap_err().is_timeout());
        assert_eq!((sink.attempts(), sink.requests().len()), (1, 0));
    }

    #[tokio::test]
    async fn it_hangs_up_without_an_answer() {
        let sink = WebhookSink::start().await.unwrap();
        sink.set(Manner::HangUp);
        assert!(post(&sink, PATIENCE).await.unwrap_err().is_request());
        assert!(sink.attempts() >= 1, "clients may try again at once");
        assert_eq!(sink.requests(), []);
    }

    #[tokio::test]
    async fn it_is_slow_but_answers() {
        let sink = WebhookSink::start().await.unwrap();
        sink.set(Manner::Slow(Duration::from_millis(80)));
        let began = tokio::time::Instant::now();
        assert_eq!(post(&sink, PATIENCE).await.unwrap(), 200);
        assert!(began.elapsed() >= Duration::from_millis(80));
    }
}
