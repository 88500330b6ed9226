//! A server in trouble: it takes every connection and answers each question the same, with an error or not at all. Counts
//! who asked when, by the secret the question carries.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::Instant,
};

/// What it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// 500 with a problem.
    Internal,
    /// 429, and to come back after so many seconds.
    TooMany { retry_after_s: u64 },
    /// Nothing; the connection stays open.
    Hangs,
}

/// One question: when it was whole, and what it asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    pub at: Instant,
    pub path: String,
}

type Asking = Arc<Mutex<BTreeMap<String, Vec<Asked>>>>;

/// It runs until it is dropped.
#[derive(Debug)]
pub struct Troubled {
    pub address: SocketAddr,
    asked: Asking,
    accepting: JoinHandle<()>,
}

impl Troubled {
    /// Starts on a free port of loopback.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(trouble: Trouble) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let asked = Asking::default();
        let book = Arc::clone(&asked);
        let accepting = tokio::spawn(async move {
            while let Ok((line, _)) = listener.accept().await {
                let book = Arc::clone(&book);
                // Who hangs up is of no interest any more.
                tokio::spawn(async move { drop(serve(line, trouble, &book).await) });
            }
        });
        Ok(Self { address, asked, accepting })
    }

    /// All questions so far, by who asked.
    #[must_use]
    pub fn asked(&self) -> BTreeMap<String, Vec<Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Troubled {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut line: TcpStream, trouble: Trouble, book: &Asking) -> io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        let (who, path, end) = match question(&bytes) {
            Some(question) => question,
            None => {
                let mut piece = [0; 16 * 1024];
                let n = line.read(&mut piece).await?;
                if n == 0 {
                    return Ok(());
                }
                bytes.extend_from_slice(&piece[..n]);
                continue;
            }
        };
        bytes.drain(..end);
        let asked = Asked { at: Instant::now(), path };
        book.lock().unwrap_or_else(PoisonError::into_inner).entry(who).or_default().push(asked);
        let (status, body, more) = match trouble {
            Trouble::Hangs => continue,
            Trouble::Internal => {
                let body = r#"{"code":"internal","title":"","detail":"The disk is on fire."}"#;
                ("500 Internal Server Error", body, String::new())
            }
            Trouble::TooMany { retry_after_s } => {
                let body = r#"{"code":"too-many-requests","title":"","detail":"Slow down."}"#;
                ("429 Too Many Requests", body, format!("retry-after: {retry_after_s}\r\n"))
            }
        };
        let kind = "application/problem+json";
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n{more}\r\n", body.len());
        line.write_all(head.as_bytes()).await?;
        line.write_all(body.as_bytes()).await?;
    }
}

/// Who asks, for what, and where the question ends; `None` while it is not whole.
fn question(bytes: &[u8]) -> Option<(String, String, usize)> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]);
    let field = |name: &str| {
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        lines.into_iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    let length: usize = field("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
    let path = text.split_whitespace().nth(1)?.split('?').next()?.to_owned();
    (bytes.len() >= head + length).then(|| (field("authorization").unwrap_or_default(), path, head + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_answers_the_same_to_all_and_knows_who_asked_how_often() {
        crate::choose_tls();
        let server = Troubled::start(Trouble::TooMany { retry_after_s: 7 }).await.unwrap();
        let url = format!("http://{}/x/y?z=1", server.address);
        let http = reqwest::Client::new();
        for who in ["a", "b", "a"] {
            let answer = http.post(&url).bearer_auth(who).body("12345").send().await.unwrap();
            assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (429, &"7".parse().unwrap()));
        }
        let asked = server.asked();
        assert_eq!((asked["Bearer a"].len(), asked["Bearer b"].len()), (2, 1));
        assert_eq!(asked["Bearer a"][0].path, "/x/y");
    }
}
