//! An event as a calendar file (RFC 5545). Pure.

use willcall_domain::clock::UtcMillis;

/// What stands in the calendar.
#[derive(Debug)]
pub struct Entry<'a> {
    /// The same for ever, so that loading the file again changes the entry and adds none.
    pub uid: String,
    pub stamp: UtcMillis,
    pub starts_at: UtcMillis,
    pub ends_at: Option<UtcMillis>,
    pub summary: &'a str,
    pub location: &'a str,
    pub url: &'a str,
}

/// The file.
#[must_use]
pub fn file(entry: &Entry<'_>) -> String {
    let mut out = String::new();
    let mut line = |text: String| fold(&mut out, &text);
    line("BEGIN:VCALENDAR".into());
    line("VERSION:2.0".into());
    line("PRODID:-//Willcall//Willcall//EN".into());
    line("BEGIN:VEVENT".into());
    line(format!("UID:{}", entry.uid));
    line(format!("DTSTAMP:{}", instant(entry.stamp)));
    line(format!("DTSTART:{}", instant(entry.starts_at)));
    if let Some(end) = entry.ends_at.filter(|end| *end > entry.starts_at) {
        line(format!("DTEND:{}", instant(end)));
    }
    line(format!("SUMMARY:{}", escaped(entry.summary)));
    if !entry.location.is_empty() {
        line(format!("LOCATION:{}", escaped(entry.location)));
    }
    line(format!("URL:{}", entry.url));
    line("END:VEVENT".into());
    line("END:VCALENDAR".into());
    out
}

/// `20261212T190000Z`.
fn instant(at: UtcMillis) -> String {
    at.in_zone("UTC").strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn escaped(text: &str) -> String {
    text.chars().filter(|c| *c != '\r').fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '\\' | ';' | ',' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {}
            c => out.push(c),
        }
        out
    })
}

/// Lines of at most 75 bytes; longer ones go on after a line break and a blank, never within a character.
fn fold(out: &mut String, text: &str) {
    let mut width = 0;
    for c in text.chars() {
        if width + c.len_utf8() > 75 {
            out.push_str("\r\n ");
            width = 1;
        }
        out.push(c);
        width += c.len_utf8();
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry<'a>(summary: &'a str, ends_at: Option<UtcMillis>) -> Entry<'a> {
        Entry {
            uid: "1@willcall".into(),
            stamp: UtcMillis(0),
            starts_at: UtcMillis::parse("2026-12-12T19:00:00Z").unwrap(),
            ends_at,
            summary,
            location: "Hall 3; Main St, Town",
            url: "https://example.org/x",
        }
    }

    #[test]
    fn an_event_is_told_in_universal_time_with_its_signs_escaped() {
        let text = file(&entry("One, two\nthree\\", UtcMillis::parse("2026-12-12T22:30:00Z").ok()));
        assert!(text.contains("\r\nDTSTART:20261212T190000Z\r\nDTEND:20261212T223000Z\r\n"), "{text}");
        assert!(text.contains("\r\nSUMMARY:One\\, two\\nthree\\\\\r\n"), "{text}");
        assert!(text.contains("\r\nLOCATION:Hall 3\\; Main St\\, Town\r\n"), "{text}");
        assert!(text.starts_with("BEGIN:VCALENDAR\r\n") && text.ends_with("END:VCALENDAR\r\n"));
    }

    #[test]
    fn an_end_that_is_not_after_the_start_is_left_out() {
        assert!(!file(&entry("x", None)).contains("DTEND"));
        assert!(!file(&entry("x", Some(UtcMillis(0)))).contains("DTEND"));
    }

    #[test]
    fn long_lines_are_folded_between_characters_and_read_back_whole() {
        let long = "Größtes Fest der Stadt 🎪 ".repeat(12);
        let text = file(&entry(&long, None));
        assert!(text.split("\r\n").all(|line| line.len() <= 75), "{text}");
        assert!(text.replace("\r\n ", "").contains(&format!("SUMMARY:{long}")), "{text}");
    }
}
