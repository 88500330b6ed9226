//! A TCP proxy that can be made to misbehave while it runs: a slow line, a black hole, resets, a captive portal, a cut
//! answer, a thin line. Owns the faults; what is said over the line is not its business, but for the two HTTP lies.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
    task::JoinHandle,
    time::Instant,
};

/// What becomes of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// They pass.
    Ok,
    /// They pass this much later, each way.
    Delay(Duration),
    /// They are taken and go nowhere; nothing comes back and nothing is closed. New connections are accepted. Once the
    /// line heals, a connection that lost bytes is reset, as it can say nothing sensible any more.
    BlackHole,
    /// Running connections are reset (RST), new ones as soon as they are accepted.
    Reset,
    /// Whatever is asked is answered by somebody else: status 200 and a page of HTML, as a captive portal does.
    WrongBody,
    /// Answers end after their head and one byte of their body.
    Truncated,
    /// Answers are random-looking bytes that are no HTTP.
    Noise,
    /// At most this many bytes per second, each way, for each connection.
    Bandwidth(u64),
    /// The same for all connections together: they share one thin line, and take turns on it.
    Line(u64),
}

/// Whom the proxy speaks to.
#[derive(Debug, Clone)]
pub enum Upstream {
    Tcp(SocketAddr),
    /// A Unix socket, as PostgreSQL's.
    Unix(PathBuf),
}

/// A running proxy. Dropped, it closes its port and all connections.
#[derive(Debug)]
pub struct Proxy {
    /// Where clients connect.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    upstream: Mutex<Upstream>,
    lines: Mutex<Lines>,
    accepted: watch::Sender<u64>,
    /// How many have ended.
    ended: watch::Sender<u64>,
    /// Bytes that passed to clients.
    down: watch::Sender<u64>,
    /// When the line they share is free again, by way.
    free_at: [Mutex<Option<Instant>>; 2],
}

#[derive(Debug)]
struct Lines {
    /// For connections accepted from now on.
    new: Fault,
    running: BTreeMap<u64, Line>,
}

#[derive(Debug)]
struct Line {
    fault: watch::Sender<Fault>,
    task: tokio::task::AbortHandle,
}

impl Proxy {
    /// Starts on a free port of loopback, without faults.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(upstream: Upstream) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream: Mutex::new(upstream),
            lines: Mutex::new(Lines { new: Fault::Ok, running: BTreeMap::new() }),
            accepted: watch::Sender::new(0),
            ended: watch::Sender::new(0),
            down: watch::Sender::new(0),
            free_at: Default::default(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, accepting })
    }

    /// Sets the fault of all connections, running and new.
    pub fn set(&self, fault: Fault) {
        let mut lines = self.shared.lines();
        lines.new = fault;
        for line in lines.running.values() {
            line.fault.send_replace(fault);
        }
    }

    /// Sets the fault of connections accepted from now on; running ones stay as they are.
    pub fn set_new(&self, fault: Fault) {
        self.shared.lines().new = fault;
    }

    /// Sets the fault of one running connection. Gives whether there is one of that number.
    pub fn set_one(&self, connection: u64, fault: Fault) -> bool {
        self.shared.lines().running.get(&connection).map(|l| l.fault.send_replace(fault)).is_some()
    }

    /// Resets every running connection, and waits until they are gone; new ones are as they were.
    pub async fn cut(&self) {
        let mut ended = self.shared.ended.subscribe();
        let before = self.running();
        for connection in &before {
            self.set_one(*connection, Fault::Reset);
        }
        // The sender lives as long as `self`, so this cannot fail.
        _ = ended.wait_for(|_| !self.running().iter().any(|one| before.contains(one))).await;
    }

    /// Connections that run, by the number in which they came (from 1).
    #[must_use]
    pub fn running(&self) -> Vec<u64> {
        self.shared.lines().running.keys().copied().collect()
    }

    /// How many connections were accepted so far.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        *self.shared.accepted.borrow()
    }

    /// How many bytes have passed to clients so far.
    #[must_use]
    pub fn passed_down(&self) -> u64 {
        *self.shared.down.borrow()
    }

    /// Waits until so many bytes have passed to clients. Gives whether they did within `patience`.
    pub async fn wait_passed_down(&self, bytes: u64, patience: Duration) -> bool {
        let mut down = self.shared.down.subscribe();
        tokio::time::timeout(patience, down.wait_for(|passed| *passed >= bytes)).await.is_ok()
    }

    /// Waits until `n` connections have been accepted. Gives whether they came within `patience`.
    pub async fn wait_accepted(&self, n: u64, patience: Duration) -> bool {
        let mut accepted = self.shared.accepted.subscribe();
        tokio::time::timeout(patience, accepted.wait_for(|a| *a >= n)).await.is_ok()
    }

    /// Sends connections accepted from now on to another place, as a server that was restarted at a new port.
    pub fn redirect(&self, upstream: Upstream) {
        *self.shared.upstream.lock().unwrap_or_else(PoisonError::into_inner) = upstream;
    }

    /// The address as an URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        for line in self.shared.lines().running.values() {
            line.task.abort();
        }
    }
}

impl Shared {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut number = 0;
    loop {
        let Ok((client, _)) = listener.accept().await else {
            // Too many open files: those that run must end first.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        number += 1;
        let mut lines = shared.lines();
        let (fault, watched) = watch::channel(lines.new);
        let task = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                serve(client, &shared, watched).await;
                shared.lines().running.remove(&number);
                shared.ended.send_modify(|ended| *ended += 1);
            }
        });
        lines.running.insert(number, Line { fault, task: task.abort_handle() });
        drop(lines);
        shared.accepted.send_replace(number);
    }
}

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// As its ends wished.
    Quiet,
    /// By RST towards the client, and by closing towards the server.
    Reset,
}

async fn serve(mut client: TcpStream, shared: &Shared, mut fault: watch::Receiver<Fault>) {
    drop(client.set_nodelay(true));
    let end = match before_upstream(&mut client, &mut fault).await {
        Some(end) => end,
        None => {
            let upstream = shared.upstream.lock().unwrap_or_else(PoisonError::into_inner).clone();
            match upstream {
                Upstream::Tcp(address) => match TcpStream::connect(address).await {
                    Ok(server) => {
                        drop(server.set_nodelay(true));
                        let (read, write) = server.into_split();
                        join(&mut client, read, write, (fault, shared)).await
                    }
                    Err(_) => End::Reset,
                },
                Upstream::Unix(path) => match UnixStream::connect(path).await {
                    Ok(server) => {
                        let (read, write) = server.into_split();
                        join(&mut client, read, write, (fault, shared)).await
                    }
                    Err(_) => End::Reset,
                },
            }
        }
    };
    if end == End::Reset {
        // Without it, closing says a polite FIN.
        drop(client.set_zero_linger());
    }
}

/// Faults under which the server is not even asked. `None` once it shall be.
async fn before_upstream(client: &mut TcpStream, fault: &mut watch::Receiver<Fault>) -> Option<End> {
    let mut swallowed = false;
    let mut scratch = vec![0; 16 * 1024];
    loop {
        let now = *fault.borrow_and_update();
        match now {
            Fault::Reset => return Some(End::Reset),
            Fault::BlackHole => {}
            _ if swallowed => return Some(End::Reset),
            Fault::WrongBody | Fault::Noise => {
                // A client that says nothing is told nothing.
                tokio::select! {
                    read = client.read(&mut scratch) => {
                        if matches!(read, Ok(1..)) {
                            lie(client, now).await;
                        }
                        return Some(End::Quiet);
                    }
                    _ = fault.changed() => continue,
                }
            }
            Fault::Ok | Fault::Delay(_) | Fault::Truncated | Fault::Bandwidth(_) | Fault::Line(_) => return None,
        }
        tokio::select! {
            read = client.read(&mut scratch) => match read {
                // The client gave up: there is nobody left to be silent to.
                Ok(0) | Err(_) => return Some(End::Quiet),
                Ok(_) => swallowed = true,
            },
            _ = fault.changed() => {}
        }
    }
}

async fn lie<W: AsyncWrite + Unpin>(to: &mut W, fault: Fault) {
    let page = "<!doctype html><title>Welcome</title><h1>Please accept our terms to use this network</h1>";
    let answer = match fault {
        Fault::WrongBody => format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}",
            page.len()
        )
        .into_bytes(),
        Fault::Ok
        | Fault::Delay(_)
        | Fault::BlackHole
        | Fault::Reset
        | Fault::Truncated
        | Fault::Noise
        | Fault::Bandwidth(_)
        | Fault::Line(_) => (0..512_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect(),
    };
    // A client that is gone already does not hear it.
    drop(to.write_all(&answer).await);
    drop(to.shutdown().await);
}

async fn join<R, W>(
    client: &mut TcpStream,
    read: R,
    write: W,
    (fault, shared): (watch::Receiver<Fault>, &Shared),
) -> End
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (mut from_client, mut to_client) = client.split();
    let fault = {
        let up = pump(&mut from_client, write, fault.clone(), (Way::Up, shared));
        let down = pump(read, &mut to_client, fault, (Way::Down, shared));
        tokio::pin!(up, down);
        let (mut up_done, mut down_done) = (false, false);
        loop {
            let end = tokio::select! {
                end = &mut up, if !up_done => { up_done = true; end }
                end = &mut down, if !down_done => { down_done = true; end }
            };
            match end {
                PumpEnd::HalfClosed if up_done && down_done => return End::Quiet,
                PumpEnd::HalfClosed => {}
                PumpEnd::Reset => return End::Reset,
                PumpEnd::Close => return End::Quiet,
                PumpEnd::Lie(fault) => break fault,
            }
        }
    };
    lie(&mut to_client, fault).await;
    End::Quiet
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

enum PumpEnd {
    /// This direction is over; the other may go on.
    HalfClosed,
    Reset,
    Close,
    Lie(Fault),
}

/// Bytes on their way, and when they are due.
#[derive(Default)]
struct Queue {
    chunks: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
    /// When the last byte will have passed a thin line.
    free_at: Option<Instant>,
}

impl Queue {
    /// No more is read from the sender above this; it feels the back pressure, as on a real line.
    const LIMIT: usize = 4 << 20;

    /// On a line that others share there is never more than one piece, so that they take turns.
    fn limit(fault: Fault) -> usize {
        if matches!(fault, Fault::Line(_)) { 1 } else { Self::LIMIT }
    }

    fn push(&mut self, chunk: &[u8], fault: Fault, line: &Mutex<Option<Instant>>) {
        let now = Instant::now();
        let takes = |rate: u64| Duration::from_secs_f64(chunk.len() as f64 / rate.max(1) as f64);
        let due = match fault {
            Fault::Line(rate) => {
                let mut free_at = line.lock().unwrap_or_else(PoisonError::into_inner);
                let due = free_at.map_or(now, |f| f.max(now)) + takes(rate);
                *free_at = Some(due);
                due
            }
            Fault::Delay(by) => now + by,
            Fault::Bandwidth(rate) => {
                let due = self.free_at.map_or(now, |f| f.max(now)) + takes(rate);
                self.free_at = Some(due);
                due
            }
            Fault::Ok | Fault::BlackHole | Fault::Reset | Fault::WrongBody | Fault::Truncated | Fault::Noise => now,
        };
        self.bytes += chunk.len();
        self.chunks.push_back((due, chunk.to_vec()));
    }

    fn pop(&mut self) -> Option<Vec<u8>> {
        let (_, chunk) = self.chunks.pop_front()?;
        self.bytes -= chunk.len();
        Some(chunk)
    }
}

async fn pump<R, W>(
    mut read: R,
    mut write: W,
    mut fault: watch::Receiver<Fault>,
    (way, shared): (Way, &Shared),
) -> PumpEnd
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut queue = Queue::default();
    let mut buffer = vec![0; 64 * 1024];
    let (mut lost, mut over) = (false, false);
    loop {
        let now = *fault.borrow_and_update();
        match now {
            Fault::Reset => return PumpEnd::Reset,
            Fault::BlackHole => {
                lost |= queue.bytes > 0 || over;
                queue = Queue::default();
            }
            _ if lost => return PumpEnd::Reset,
            Fault::Ok => queue.chunks.iter_mut().for_each(|(due, _)| *due = Instant::now()),
            Fault::Delay(_)
            | Fault::WrongBody
            | Fault::Truncated
            | Fault::Noise
            | Fault::Bandwidth(_)
            | Fault::Line(_) => {}
        }
        if over && queue.chunks.is_empty() && now != Fault::BlackHole {
            // The receiver may be gone, and then need not be told.
            drop(write.shutdown().await);
            return PumpEnd::HalfClosed;
        }
        let size = chunk_size(now, buffer.len());
        let due = queue.chunks.front().map(|(due, _)| *due);
        tokio::select! {
            biased;
            changed = fault.changed() => if changed.is_err() { return PumpEnd::Close },
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                let Some(chunk) = queue.pop() else { continue };
                if way == Way::Down {
                    shared.down.send_modify(|down| *down += chunk.len() as u64);
                }
                if write.write_all(&chunk).await.is_err() || write.flush().await.is_err() {
                    return PumpEnd::Reset;
                }
            }
            got = read.read(&mut buffer[..size]), if !over && queue.bytes < Queue::limit(now) => match got {
                Err(_) => return PumpEnd::Reset,
                Ok(0) => over = true,
                Ok(n) => match (now, way) {
                    (Fault::BlackHole, _) => lost = true,
                    (Fault::WrongBody | Fault::Noise, Way::Up) => return PumpEnd::Lie(now),
                    // An answer that was on its way already is not the portal's to give.
                    (Fault::WrongBody | Fault::Noise, Way::Down) => {}
                    (Fault::Truncated, Way::Down) => {
                        let cut = cut(&buffer[..n]);
                        drop(write.write_all(&buffer[..cut]).await);
                        drop(write.shutdown().await);
                        return PumpEnd::Close;
                    }
                    _ => queue.push(&buffer[..n], now, &shared.free_at[way as usize]),
                },
            },
        }
    }
}

/// A thin line is read in pieces of about a twentieth of a second, so that it is thin evenly.
fn chunk_size(fault: Fault, most: usize) -> usize {
    match fault {
        Fault::Bandwidth(rate) | Fault::Line(rate) => usize::try_from(rate / 20).unwrap_or(most).clamp(1, most),
        Fault::Ok
        | Fault::Delay(_)
        | Fault::BlackHole
        | Fault::Reset
        | Fault::WrongBody
        | Fault::Truncated
        | Fault::Noise => most,
    }
}

/// Where an answer is cut: after its head and one byte.
fn cut(answer: &[u8]) -> usize {
    let head = answer.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4);
    head.map_or(answer.len() / 2, |head| (head + 1).min(answer.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// Answers every byte with itself.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    tokio::io::copy(&mut read, &mut write).await
                });
            }
        });
        address
    }

    async fn proxy() -> Proxy {
        Proxy::start(Upstream::Tcp(echo().await)).await.unwrap()
    }

    async fn dial(proxy: &Proxy) -> TcpStream {
        TcpStream::connect(proxy.address).await.unwrap()
    }

    async fn say(stream: &mut TcpStream, text: &str) -> io::Result<String> {
        stream.write_all(text.as_bytes()).await?;
        let mut answer = vec![0; text.len()];
        tokio::time::timeout(PATIENCE, stream.read_exact(&mut answer)).await.expect("an answer in time")?;
        Ok(String::from_utf8(answer).unwrap())
    }

    async fn all(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
        let mut answer = Vec::new();
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("an end in time")?;
        Ok(answer)
    }

    fn silent(stream: &TcpStream) -> bool {
        let mut byte = [0];
        matches!(stream.try_read(&mut byte), Err(e) if e.kind() == io::ErrorKind::WouldBlock)
    }

    #[tokio::test]
    async fn without_a_fault_bytes_pass_both_ways_and_an_end_is_passed_on() {
        let proxy = proxy().await;
        let mut line = dial(&proxy).await;
        assert_eq!(say(&mut line, "hello").await.unwrap(), "hello");
        line.shutdown().await.unwrap();
        assert_eq!(all(&mut line).await.unwrap(), b"");
    }

    #[tokio::test]
    async fn a_delay_is_felt_each_way_by_a_running_connection() {
        let proxy = proxy().await;
        let mut line = dial(&proxy).await;
        say(&mut line, "warm").await.unwrap();
        proxy.set(Fault::Delay(Duration::from_millis(60)));
        let began = Instant::now();
        assert_eq!(say(&mut line, "slow").await.unwrap(), "slow");
        assert!(began.elapsed() >= Duration::from_millis(120), "{:?}", began.elapsed());
        proxy.set(Fault::Ok);
        assert_eq!(say(&mut line, "fast").await.unwrap(), "fast");
    }

    #[tokio::test]
    async fn a_delay_does_not_narrow_the_line() {
        let proxy = proxy().await;
        proxy.set(Fault::Delay(Duration::from_millis(50)));
        let mut line = dial(&proxy).await;
        let began = Instant::now();
        let (mut read, mut write) = line.split();
        let sent = vec![7; 1 << 20];
        let (written, got) = tokio::join!(write.write_all(&sent), async {
            let mut got = vec![0; 1 << 20];
            read.read_exact(&mut got).await.map(|_| got)
        });
        written.unwrap();
        assert_eq!(got.unwrap(), sent);
        assert!(began.elapsed() < Duration::from_secs(5), "16 pieces, each waiting in turn, would take longer");
    }

    #[tokio::test]
    async fn a_black_hole_accepts_and_swallows_and_says_nothing() {
        let proxy = proxy().await;
        let mut running = dial(&proxy).await;
        say(&mut running, "warm").await.unwrap();
        proxy.set(Fault::BlackHole);
        let mut new = dial(&proxy).await;
        for line in [&mut running, &mut new] {
            line.write_all(&vec![1; 8 << 20]).await.unwrap();
            assert!(silent(line));
        }
        proxy.set(Fault::Ok);
        for line in [&mut running, &mut new] {
            let error = all(line).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "what lost bytes cannot go on");
        }
        assert_eq!(say(&mut dial(&proxy).await, "new").await.unwrap(), "new");
    }

    #[tokio::test]
    async fn a_connection_that_lost_nothing_in_the_black_hole_goes_on() {
        let proxy = proxy().await;
        let (mut running, line) = (dial(&proxy).await, 1);
        say(&mut running, "warm").await.unwrap();
        assert!(proxy.set_one(line, Fault::BlackHole));
        // One thread: each turn lets the connection notice.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert!(proxy.set_one(line, Fault::Ok));
        assert_eq!(say(&mut running, "on").await.unwrap(), "on");
    }

    #[tokio::test]
    async fn reset_is_a_real_reset_for_running_and_new_connections() {
        let proxy = proxy().await;
        let mut running = dial(&proxy).await;
        say(&mut running, "warm").await.unwrap();
        proxy.set(Fault::Reset);
        let error = all(&mut running).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "an end (FIN) would be no error");
        let mut new = dial(&proxy).await;
        assert!(say(&mut new, "hello").await.is_err());
    }

    #[tokio::test]
    async fn one_connection_can_fail_while_others_do_not_and_new_ones_apart_from_running_ones() {
        let proxy = proxy().await;
        let (mut first, mut second) = (dial(&proxy).await, dial(&proxy).await);
        say(&mut first, "warm").await.unwrap();
        say(&mut second, "warm").await.unwrap();
        assert_eq!(proxy.running(), [1, 2]);
        assert!(proxy.set_one(1, Fault::Reset));
        assert!(all(&mut first).await.is_err());
        proxy.set_new(Fault::Reset);
        assert_eq!(say(&mut second, "well").await.unwrap(), "well");
        assert!(say(&mut dial(&proxy).await, "hello").await.is_err());
        assert!(!proxy.set_one(1, Fault::Ok), "it is gone");
        assert_eq!(proxy.accepted(), 3);
    }

    #[tokio::test]
    async fn a_captive_portal_answers_200_with_a_page_that_is_not_the_servers() {
        let proxy = proxy().await;
        let mut running = dial(&proxy).await;
        say(&mut running, "warm").await.unwrap();
        proxy.set(Fault::WrongBody);
        let mut new = dial(&proxy).await;
        for line in [&mut running, &mut new] {
            line.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
            let answer = String::from_utf8(all(line).await.unwrap()).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("accept our terms"), "{answer}");
        }
    }

    #[tokio::test]
    async fn noise_is_no_http() {
        let proxy = proxy().await;
        proxy.set(Fault::Noise);
        let mut line = dial(&proxy).await;
        line.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let answer = all(&mut line).await.unwrap();
        assert!(answer.len() == 512 && !answer.starts_with(b"HTTP"));
    }

    #[tokio::test]
    async fn a_truncated_answer_ends_after_its_head_and_one_byte() {
        let proxy = proxy().await;
        proxy.set(Fault::Truncated);
        let mut line = dial(&proxy).await;
        // The echo makes the question the answer.
        line.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await.unwrap();
        let answer = all(&mut line).await.unwrap();
        assert_eq!(answer, b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nh");
    }

    #[tokio::test]
    async fn a_thin_line_takes_the_time_its_bytes_need() {
        let proxy = proxy().await;
        proxy.set(Fault::Bandwidth(100_000));
        let mut line = dial(&proxy).await;
        let began = Instant::now();
        say(&mut line, &"x".repeat(20_000)).await.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(200), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn who_shares_a_thin_line_takes_turns_on_it() {
        let proxy = proxy().await;
        proxy.set(Fault::Line(100_000));
        let (mut greedy, mut modest) = (dial(&proxy).await, dial(&proxy).await);
        let began = Instant::now();
        let long = "x".repeat(60_000);
        let (greedy, modest) = tokio::join!(
            async {
                say(&mut greedy, &long).await.unwrap();
                began.elapsed()
            },
            async {
                say(&mut modest, "hello").await.unwrap();
                began.elapsed()
            }
        );
        assert!(greedy >= Duration::from_millis(600), "the line is as thin for both: {greedy:?}");
        assert!(modest < greedy / 2, "and nobody waits for all the other has: {modest:?} of {greedy:?}");
        assert!(proxy.passed_down() >= 60_005);
    }

    #[tokio::test]
    async fn where_the_server_is_gone_clients_are_reset_until_it_is_back() {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let proxy = Proxy::start(Upstream::Tcp(closed)).await.unwrap();
        assert!(say(&mut dial(&proxy).await, "hello").await.is_err());
        proxy.redirect(Upstream::Tcp(echo().await));
        assert_eq!(say(&mut dial(&proxy).await, "hello").await.unwrap(), "hello");
    }

    #[tokio::test]
    async fn a_unix_socket_can_stand_behind_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("echo");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut read, mut write) = stream.split();
            tokio::io::copy(&mut read, &mut write).await
        });
        let proxy = Proxy::start(Upstream::Unix(path)).await.unwrap();
        assert_eq!(say(&mut dial(&proxy).await, "hello").await.unwrap(), "hello");
    }

    #[tokio::test]
    async fn a_dropped_proxy_closes_its_port_and_its_connections() {
        let proxy = proxy().await;
        let (mut line, address) = (dial(&proxy).await, proxy.address);
        say(&mut line, "warm").await.unwrap();
        drop(proxy);
        assert!(matches!(all(&mut line).await, Ok(_) | Err(_)), "it ends");
        let refused = async {
            while TcpStream::connect(address).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, refused).await.expect("nobody listens any more");
    }
}
