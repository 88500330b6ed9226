//! A mail server that keeps what it is given, or hangs, refuses, or is slow. Speaks enough of RFC 5321 for any client
//! that sends in the clear; owns no mailbox and relays nothing.

use crate::tally::Tally;
use std::{
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

/// How it treats those who come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Ok,
    /// Connections are accepted and nothing is ever said.
    Hang,
    /// Each recipient is refused for good (550).
    RefuseRecipient,
    /// Each message is refused for now (451), after it was sent.
    RefuseForNow,
    /// Nobody is let in (421).
    Closed,
    /// Each reply takes this long.
    Slow(Duration),
}

/// One message as it was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub from: String,
    pub to: Vec<String>,
    /// Head and body, dots unstuffed, lines ending in CRLF.
    pub text: String,
}

/// A running mail server. Dropped, it closes.
#[derive(Debug)]
pub struct SmtpSink {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    manner: Mutex<Manner>,
    messages: Tally<Message>,
    connections: Tally<()>,
}

/// A message larger than this is refused.
const MAX_MESSAGE: usize = 32 << 20;
const MAX_LINE: u64 = 1 << 20;

impl SmtpSink {
    /// Starts on a free port of loopback.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            manner: Mutex::new(Manner::Ok),
            messages: Tally::default(),
            connections: Tally::default(),
        });
        let accepting = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                // Dropped with this task, so that no connection outlives the sink.
                let mut open = JoinSet::new();
                while let Ok((stream, _)) = listener.accept().await {
                    shared.connections.push(());
                    let shared = Arc::clone(&shared);
                    // A client that goes away in the middle has said nothing.
                    open.spawn(async move { drop(converse(stream, &shared).await) });
                    while open.try_join_next().is_some() {}
                }
            }
        });
        Ok(Self { address, shared, accepting })
    }

    /// Changes its manner, at once also in running conversations.
    pub fn set(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap_or_else(PoisonError::into_inner) = manner;
    }

    /// What came so far.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.shared.messages.all()
    }

    /// How many connections came so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.len()
    }

    /// Waits for the n-th message.
    ///
    /// # Errors
    /// When it does not come within `patience`.
    pub async fn wait_for(&self, n: usize, patience: Duration) -> anyhow::Result<Vec<Message>> {
        self.shared.messages.wait_for(n, patience).await
    }

    /// Waits for the n-th connection.
    ///
    /// # Errors
    /// When it does not come within `patience`.
    pub async fn wait_for_connection(&self, n: usize, patience: Duration) -> anyhow::Result<()> {
        self.shared.connections.wait_for(n, patience).await.map(drop)
    }

    /// `smtp://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

type Talk = BufReader<TcpStream>;

async fn converse(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut talk = BufReader::new(stream);
    let closed = *shared.manner.lock().unwrap_or_else(PoisonError::into_inner) == Manner::Closed;
    if closed {
        return reply(&mut talk, shared, "421 closed").await;
    }
    reply(&mut talk, shared, "220 sink ESMTP").await?;
    let mut letter = Message { from: String::new(), to: Vec::new(), text: String::new() };
    while let Some(line) = line(&mut talk).await? {
        let line = String::from_utf8_lossy(&line).into_owned();
        let (verb, rest) = line.split_once([' ', ':']).unwrap_or((&line, ""));
        let manner = *shared.manner.lock().unwrap_or_else(PoisonError::into_inner);
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => reply(&mut talk, shared, "250-sink\r\n250-8BITMIME\r\n250 SMTPUTF8").await?,
            "HELO" | "NOOP" => reply(&mut talk, shared, "250 ok").await?,
            "RSET" => {
                (letter.from, letter.to) = (String::new(), Vec::new());
                reply(&mut talk, shared, "250 ok").await?;
            }
            "MAIL" => {
                (letter.from, letter.to) = (address(rest), Vec::new());
                reply(&mut talk, shared, "250 ok").await?;
            }
            "RCPT" if manner == Manner::RefuseRecipient => reply(&mut talk, shared, "550 nobody here").await?,
            "RCPT" => {
                letter.to.push(address(rest));
                reply(&mut talk, shared, "250 ok").await?;
            }
            "DATA" if letter.to.is_empty() => reply(&mut talk, shared, "503 no recipient").await?,
            "DATA" => {
                reply(&mut talk, shared, "354 go on").await?;
                match data(&mut talk).await? {
                    _ if manner == Manner::RefuseForNow => reply(&mut talk, shared, "451 not now").await?,
                    None => reply(&mut talk, shared, "552 too large").await?,
                    Some(text) => {
                        let manner_now = *shared.manner.lock().unwrap_or_else(PoisonError::into_inner);
                        if manner_now != Manner::Hang {
                            shared.messages.push(Message { text, ..letter.clone() });
                        }
                        (letter.from, letter.to) = (String::new(), Vec::new());
                        reply(&mut talk, shared, "250 kept").await?;
                    }
                }
            }
            "QUIT" => return reply(&mut talk, shared, "221 bye").await,
            _ => reply(&mut talk, shared, "502 not here").await?,
        }
    }
    Ok(())
}

/// The text of a message up to the lone dot; `None` where it was too large and thrown away.
async fn data(talk: &mut Talk) -> io::Result<Option<String>> {
    let mut text = Vec::new();
    let mut kept = true;
    loop {
        let Some(line) = line(talk).await? else { return Err(io::ErrorKind::UnexpectedEof.into()) };
        if line == b"." {
            return Ok(kept.then(|| String::from_utf8_lossy(&text).into_owned()));
        }
        kept &= text.len() + line.len() < MAX_MESSAGE;
        if kept {
            text.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            text.extend_from_slice(b"\r\n");
        }
    }
}

async fn line(talk: &mut Talk) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    if talk.take(MAX_LINE).read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    while matches!(line.last(), Some(b'\n' | b'\r')) {
        line.pop();
    }
    Ok(Some(line))
}

async fn reply(talk: &mut Talk, shared: &Shared, text: &str) -> io::Result<()> {
    let manner = *shared.manner.lock().unwrap_or_else(PoisonError::into_inner);
    match manner {
        Manner::Hang => std::future::pending().await,
        Manner::Slow(by) => tokio::time::sleep(by).await,
        Manner::Ok | Manner::RefuseRecipient | Manner::RefuseForNow | Manner::Closed => {}
    }
    talk.write_all(format!("{text}\r\n").as_bytes()).await?;
    talk.flush().await
}

/// `FROM:<a@b> SIZE=3` → `a@b`.
fn address(rest: &str) -> String {
    let inner = rest.split_once('<').and_then(|(_, r)| r.split_once('>')).map(|(a, _)| a);
    inner.unwrap_or_else(|| rest.rsplit(':').next().unwrap_or(rest).trim()).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor, message::header::ContentType};

    const PATIENCE: Duration = Duration::from_secs(20);

    fn letter() -> lettre::Message {
        lettre::Message::builder()
            .from("Shop <shop@example.org>".parse().unwrap())
            .to("Ada <ada@example.org>".parse().unwrap())
            .subject("Your tickets")
            .header(ContentType::TEXT_PLAIN)
            .body("Hello Ada,\r\n.\r\n..two dots\r\nBye".to_owned())
            .unwrap()
    }

    fn client(sink: &SmtpSink, patience: Duration) -> AsyncSmtpTransport<Tokio1Executor> {
        AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(sink.address.ip().to_string())
            .port(sink.address.port())
            .timeout(Some(patience))
            .build()
    }

    #[tokio::test]
    async fn a_message_arrives_as_it_was_sent_dots_and_all() {
        let sink = SmtpSink::start().await.unwrap();
        client(&sink, PATIENCE).send(letter()).await.unwrap();
        let [message] = &sink.wait_for(1, PATIENCE).await.unwrap()[..] else { panic!("one message") };
        assert_eq!((message.from.as_str(), &message.to[..]), ("shop@example.org", &["ada@example.org".to_owned()][..]));
        let (head, body) = message.text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("Subject: Your tickets"), "{head}");
        assert_eq!(body.trim_end(), "Hello Ada,\r\n.\r\n..two dots\r\nBye");
    }

    #[tokio::test]
    async fn it_refuses_for_good_or_for_now_and_keeps_nothing() {
        let sink = SmtpSink::start().await.unwrap();
        sink.set(Manner::RefuseRecipient);
        assert!(client(&sink, PATIENCE).send(letter()).await.unwrap_err().is_permanent());
        sink.set(Manner::RefuseForNow);
        assert!(client(&sink, PATIENCE).send(letter()).await.unwrap_err().is_transient());
        sink.set(Manner::Closed);
        assert!(client(&sink, PATIENCE).send(letter()).await.unwrap_err().is_transient());
        assert_eq!(sink.messages(), []);
        sink.set(Manner::Ok);
        client(&sink, PATIENCE).send(letter()).await.unwrap();
        assert_eq!(sink.messages().len(), 1);
    }

    #[tokio::test]
    async fn it_hangs_until_the_client_gives_up() {
        let sink = SmtpSink::start().await.unwrap();
        sink.set(Manner::Hang);
        // The client's own limit covers its connecting only, so the caller must have one for the whole.
        let client = client(&sink, PATIENCE);
        let given_up = tokio::time::timeout(Duration::from_millis(100), client.send(letter())).await;
        assert!(given_up.is_err());
        assert_eq!((sink.connections(), sink.messages().len()), (1, 0));
    }

    #[tokio::test]
    async fn it_is_slow_but_takes_the_message() {
        let sink = SmtpSink::start().await.unwrap();
        sink.set(Manner::Slow(Duration::from_millis(30)));
        let began = tokio::time::Instant::now();
        client(&sink, PATIENCE).send(letter()).await.unwrap();
        // Greeting, EHLO, MAIL, RCPT, DATA, the message: six replies at least.
        assert!(began.elapsed() >= Duration::from_millis(180), "{:?}", began.elapsed());
        assert_eq!(sink.messages().len(), 1);
    }
}
