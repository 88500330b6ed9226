//! Cuts what a scanner sends into codes: pure, with the time given. A code ends with a line end, a tab or the control
//! characters some scanners use, or when nothing follows it.

/// Nothing for so long ends a code of a scanner that sends no end: milliseconds. Between two characters of one code it
/// is less than one, at any speed a scanner is set to.
pub const PAUSE_MS: u64 = 80;
/// No code is longer; what is, is noise: bytes.
const LONGEST: usize = 4_096;

/// What was sent and is not yet a whole code.
#[derive(Debug, Default)]
pub struct Codes {
    bytes: Vec<u8>,
    /// More came than a code has: all of it is thrown away, up to its end.
    too_long: bool,
    last_ms: u64,
}

impl Codes {
    /// Takes `bytes` that came at `now` (monotonic milliseconds) and gives the codes that ended with them.
    pub fn take(&mut self, bytes: &[u8], now: u64) -> Vec<String> {
        let mut out: Vec<String> = self.settle(now).into_iter().collect();
        self.last_ms = now;
        for byte in bytes {
            match byte {
                // Line ends, tab, end of text, end of transmission, zero.
                b'\r' | b'\n' | b'\t' | 0x03 | 0x04 | 0x00 => out.extend(self.end()),
                // Start of text: whatever was before it is no part of the code.
                0x02 => {
                    self.bytes.clear();
                    self.too_long = false;
                }
                _ if self.bytes.len() >= LONGEST => self.too_long = true,
                byte => self.bytes.push(*byte),
            }
        }
        out
    }

    /// The code that has ended because nothing followed it until `now`.
    pub fn settle(&mut self, now: u64) -> Option<String> {
        if now.saturating_sub(self.last_ms) < PAUSE_MS { None } else { self.end() }
    }

    fn end(&mut self) -> Option<String> {
        let bytes = std::mem::take(&mut self.bytes);
        if std::mem::take(&mut self.too_long) {
            tracing::warn!("a scanner sent more than a code; it is thrown away");
            return None;
        }
        (!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// `code` without what the scanner was set to send around it.
#[must_use]
pub fn bare(code: &str, prefix: &str, suffix: &str) -> String {
    let code = code.strip_prefix(prefix).unwrap_or(code);
    code.strip_suffix(suffix).unwrap_or(code).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(parts: &[(&[u8], u64)]) -> Vec<String> {
        let mut codes = Codes::default();
        let mut out: Vec<String> = parts.iter().flat_map(|(bytes, at)| codes.take(bytes, *at)).collect();
        out.extend(codes.settle(u64::MAX));
        out
    }

    #[test]
    fn each_end_a_scanner_may_send_ends_a_code_once() {
        for end in ["\r", "\n", "\r\n", "\t", "\u{3}", "\u{4}\r", "\0"] {
            let sent = format!("ABC{end}DEF{end}");
            assert_eq!(all(&[(sent.as_bytes(), 1)]), ["ABC", "DEF"], "{end:?}");
        }
        assert_eq!(all(&[(b"noise\x02ABC\x03", 1)]), ["ABC"], "start and end of text");
    }

    #[test]
    fn a_code_may_come_in_pieces_and_ends_when_nothing_follows() {
        assert_eq!(all(&[(b"AB", 10), (b"C", 20), (b"\r", 30)]), ["ABC"]);
        assert_eq!(all(&[(b"AB", 10), (b"CD", 10 + PAUSE_MS)]), ["AB", "CD"]);
        assert_eq!(all(&[(b"AB", 10), (b"CD", 9 + PAUSE_MS)]), ["ABCD"]);
        let mut codes = Codes::default();
        assert!(codes.take(b"AB", 10).is_empty());
        assert_eq!((codes.settle(20), codes.settle(200).as_deref(), codes.settle(400)), (None, Some("AB"), None));
    }

    #[test]
    fn any_bytes_are_a_code_and_a_stream_without_end_is_none() {
        assert_eq!(all(&[(b"\xFF\x80A\r", 1)]), ["\u{fffd}\u{fffd}A"]);
        let noise = vec![b'x'; 3 * LONGEST];
        assert_eq!(all(&[(&noise, 1), (b"\rABC\r", 2)]), ["ABC"]);
    }

    #[test]
    fn what_stands_around_a_code_is_taken_off_once_and_only_where_it_is() {
        assert_eq!(bare("~~A!!", "~", "!"), "~A!");
        assert_eq!(bare("A", "~", "!"), "A");
        assert_eq!(bare("~A", "", ""), "~A");
    }
}
