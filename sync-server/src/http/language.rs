//! Which language a browser is answered in: what was chosen here, else what it says its reader prefers.

use axum::http::{HeaderMap, header};
use willcall_domain::paper::Language;

/// The cookie that holds a choice made here.
pub const COOKIE: &str = "willcall_language";

/// The language for a request with these headers; English where none of the wishes can be met.
#[must_use]
pub fn of(headers: &HeaderMap) -> Language {
    chosen(headers).or_else(|| preferred(headers)).unwrap_or_default()
}

/// The value of `Set-Cookie` that keeps a choice for a year.
#[must_use]
pub fn set_cookie(language: Language) -> String {
    format!("{COOKIE}={}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax", tag(language))
}

/// The tag of a language, as HTML and HTTP write it.
#[must_use]
pub fn tag(language: Language) -> &'static str {
    match language {
        Language::En => "en",
        Language::De => "de",
    }
}

fn chosen(headers: &HeaderMap) -> Option<Language> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find_map(|(name, value)| (name == COOKIE).then(|| Language::of_tag(value)).flatten())
}

/// The wish of the highest weight that can be met; the first of equals.
fn preferred(headers: &HeaderMap) -> Option<Language> {
    let line = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
    let mut best: Option<(u32, Language)> = None;
    for wish in line.split(',') {
        let (tag, weight) = wish.split_once(';').unwrap_or((wish, "q=1"));
        let (Some(language), weight) = (Language::of_tag(tag.trim()), permille(weight)) else { continue };
        if weight > 0 && best.is_none_or(|(most, _)| weight > most) {
            best = Some((weight, language));
        }
    }
    best.map(|(_, language)| language)
}

/// `q=0.8` → 800; what cannot be read is no wish.
fn permille(weight: &str) -> u32 {
    let Some(number) = weight.trim().strip_prefix("q=") else { return 0 };
    let (whole, part) = number.trim().split_once('.').unwrap_or((number.trim(), ""));
    let digits: String = part.chars().chain("000".chars()).take(3).collect();
    match (whole.parse::<u32>(), digits.parse::<u32>()) {
        (Ok(0), Ok(part)) => part,
        (Ok(1), Ok(_)) => 1000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(cookie: &str, accept: &str) -> Language {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, cookie.parse().unwrap());
        headers.insert(header::ACCEPT_LANGUAGE, accept.parse().unwrap());
        of(&headers)
    }

    #[test]
    fn a_choice_comes_before_what_the_browser_says_and_nonsense_is_no_choice() {
        assert_eq!(language("a=b; willcall_language=de", "en"), Language::De);
        assert_eq!(language("willcall_language=xx", "de-AT,de;q=0.9"), Language::De);
        assert_eq!(language("", "fr-FR, *;q=0.1"), Language::En);
    }

    #[test]
    fn the_heaviest_wish_that_can_be_met_wins() {
        assert_eq!(language("", "fr, en;q=0.5, de;q=0.8"), Language::De);
        assert_eq!(language("", "de;q=0, en;q=0.1"), Language::En);
        assert_eq!(language("", "de;q=0.8,en;q=0.8"), Language::De);
    }
}
