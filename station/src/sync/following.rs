//! The change feed as a stream: one answer a line, and an empty line every two seconds to say that the line is alive.
//! Each piece is packed by itself, so that neither end keeps a compressor for a quiet line.

use super::{
    http::no_link,
    transport::{Following, Heard, Refusal},
};
use flate2::{read::MultiGzDecoder, write::MultiGzDecoder as Unpacker};
use futures_util::{StreamExt as _, stream};
use reqwest::{
    Response,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use std::{
    collections::VecDeque,
    io::{Read, Write},
    time::Duration,
};
use tokio::time::Instant;

/// A line longer than this is not the server's.
const LONGEST_LINE: usize = 16 << 20;

/// How long a line may say nothing of worth: a whole sign of life, or a good piece of something long. Bytes that drip in
/// one by one are as good as none.
#[derive(Debug)]
pub struct Silence {
    longest: Duration,
    piece: usize,
    since: Instant,
    bytes: usize,
}

/// Two beats of the server's, and some of the line's own slowness.
const STREAM: (Duration, usize) = (Duration::from_millis(4_500), 1 << 10);
/// A snapshot may be large and take long; it must only keep coming.
const SNAPSHOT: (Duration, usize) = (Duration::from_secs(15), 8 << 10);

impl Silence {
    /// Of a stream of changes, from now on.
    pub fn of_stream() -> Self {
        Self::new(STREAM)
    }

    /// Of a snapshot, from now on.
    pub fn of_snapshot() -> Self {
        Self::new(SNAPSHOT)
    }

    fn new((longest, piece): (Duration, usize)) -> Self {
        Self { longest, piece, since: Instant::now(), bytes: 0 }
    }

    /// When it has lasted too long.
    pub fn ends(&self) -> Instant {
        self.since + self.longest
    }

    /// So many bytes came.
    pub fn heard(&mut self, bytes: usize) {
        self.bytes += bytes;
        if self.bytes >= self.piece {
            self.broken();
        }
    }

    /// Something whole was heard.
    pub fn broken(&mut self) {
        (self.since, self.bytes) = (Instant::now(), 0);
    }
}

/// Whether the answer is one line after the other.
pub fn is_stream(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    kind.starts_with("application/x-ndjson")
}

/// Whether the body is compressed.
pub fn is_packed(response: &Response) -> bool {
    response.headers().get(CONTENT_ENCODING).is_some_and(|v| v.as_bytes() == b"gzip")
}

/// Unpacks a whole body of at most `limit` bytes.
///
/// # Errors
/// When it is cut off, damaged, or larger.
pub fn unpack(bytes: &[u8], limit: usize) -> Result<Vec<u8>, Refusal> {
    let mut out = Vec::with_capacity(bytes.len() * 4);
    let read = MultiGzDecoder::new(bytes).take(limit as u64 + 1).read_to_end(&mut out);
    match read {
        Ok(_) if out.len() <= limit => Ok(out),
        Ok(_) => Err(Refusal::Unusable("The answer was larger than the server's may be.".into())),
        Err(_) => Err(Refusal::Unusable("The answer was cut off.".into())),
    }
}

/// Where the bytes of a stream become lines.
#[derive(Debug)]
enum Lines {
    Packed(Unpacker<Vec<u8>>),
    Plain(Vec<u8>),
}

impl Lines {
    /// Takes bytes in; answers the lines that are whole now.
    fn take(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, Refusal> {
        let damaged = || Refusal::Unusable("What was heard of the changes cannot be read.".into());
        let buffer = match self {
            Self::Packed(unpacker) => {
                unpacker.write_all(bytes).map_err(|_| damaged())?;
                unpacker.flush().map_err(|_| damaged())?;
                unpacker.get_mut()
            }
            Self::Plain(buffer) => {
                buffer.extend_from_slice(bytes);
                buffer
            }
        };
        let mut whole = Vec::new();
        while let Some(end) = buffer.iter().position(|b| *b == b'\n') {
            whole.push(buffer.drain(..=end).collect());
        }
        if buffer.len() > LONGEST_LINE { Err(damaged()) } else { Ok(whole) }
    }
}

struct State {
    response: Response,
    lines: Lines,
    heard: VecDeque<Result<Heard, Refusal>>,
    silence: Silence,
    over: bool,
}

/// What is heard of a stream, until it ends.
pub fn follow(response: Response) -> Following {
    let lines = if is_packed(&response) { Lines::Packed(Unpacker::new(Vec::new())) } else { Lines::Plain(Vec::new()) };
    let state = State { response, lines, heard: VecDeque::new(), silence: Silence::of_stream(), over: false };
    let heard = stream::unfold(state, |mut state| async move {
        loop {
            if let Some(heard) = state.heard.pop_front() {
                state.over |= heard.is_err();
                return Some((heard, state));
            }
            if state.over {
                return None;
            }
            let chunk = tokio::time::timeout_at(state.silence.ends(), state.response.chunk()).await;
            match chunk {
                Err(_) => state.heard.push_back(Err(Refusal::NoLink("The server fell silent.".into()))),
                Ok(Err(error)) => state.heard.push_back(Err(no_link(&error))),
                Ok(Ok(None)) => state.over = true,
                Ok(Ok(Some(bytes))) => {
                    state.silence.heard(bytes.len());
                    match state.lines.take(&bytes) {
                        Ok(lines) if lines.is_empty() => {}
                        Ok(lines) => {
                            state.silence.broken();
                            state.heard.extend(lines.iter().map(|line| read(line)));
                        }
                        Err(refusal) => state.heard.push_back(Err(refusal)),
                    }
                }
            }
        }
    });
    heard.boxed()
}

fn read(line: &[u8]) -> Result<Heard, Refusal> {
    if line.trim_ascii().is_empty() {
        return Ok(Heard::Pulse);
    }
    match serde_json::from_slice(line) {
        Ok(answer) => Ok(Heard::Changes(Box::new(answer))),
        Err(_) => Err(Refusal::Unusable("What was heard of the changes cannot be read.".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};

    fn packed(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn lines_packed_one_by_one_are_heard_as_soon_as_they_are_whole_however_they_are_cut() {
        let bytes = [packed("{\"a\":1}\n"), packed("\n"), packed("{\"b\":2}\n")].concat();
        for size in [1, 2, 7, bytes.len()] {
            let mut lines = Lines::Packed(Unpacker::new(Vec::new()));
            let heard: Vec<Vec<u8>> = bytes.chunks(size).flat_map(|chunk| lines.take(chunk).unwrap()).collect();
            assert_eq!(
                heard,
                [b"{\"a\":1}\n".to_vec(), b"\n".to_vec(), b"{\"b\":2}\n".to_vec()],
                "in pieces of {size}"
            );
        }
        let mut lines = Lines::Packed(Unpacker::new(Vec::new()));
        assert_eq!(lines.take(&packed("{\"a\":1}\n")).unwrap().len(), 1, "it does not wait for the next piece");
    }

    #[test]
    fn bytes_that_drip_do_not_break_a_silence_and_a_good_piece_or_a_whole_line_does() {
        let mut silence = Silence::of_stream();
        let ends = silence.ends();
        for _ in 0..1_023 {
            silence.heard(1);
        }
        assert_eq!(silence.ends(), ends);
        silence.heard(1);
        assert!(silence.ends() >= ends && silence.bytes == 0);
        silence.heard(5);
        silence.broken();
        assert_eq!(silence.bytes, 0);
    }

    #[test]
    fn what_is_no_stream_of_ours_is_refused() {
        let mut lines = Lines::Packed(Unpacker::new(Vec::new()));
        assert!(lines.take(b"<!doctype html><title>Welcome</title>").is_err());
        assert!(matches!(read(b"<html>\n"), Err(Refusal::Unusable(_))));
        assert!(matches!(read(b" \n"), Ok(Heard::Pulse)));
        assert!(unpack(&packed("hello")[..10], 100).is_err(), "cut off");
        assert!(unpack(&packed(&"x".repeat(1_000)), 100).is_err(), "too large");
        assert_eq!(unpack(&packed("hello"), 100).unwrap(), b"hello");
    }
}
