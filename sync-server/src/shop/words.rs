//! What the shop and its mails say, by language, from `assets/shop/words/*.toml`. Dates and money are written by
//! [`willcall_domain::paper::Language`], as on tickets.

use serde::Deserialize;
use std::sync::OnceLock;
use willcall_domain::paper::Language;

/// The languages there are words for, in the order they are offered.
pub const LANGUAGES: [Language; 2] = [Language::En, Language::De];

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($word:ident),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $(pub $word: String),+ }

        impl $name {
            #[cfg(test)]
            fn each(&self) -> Vec<(&'static str, &str)> { vec![$((stringify!($word), self.$word.as_str())),+] }
        }
    )+};
}

words! {
    Start { title, lead, empty_title, empty_text, from_price, sold_out, more_of }
    Organizer { empty_title, empty_text }
    Event {
        tickets, when, where_, about, doors, sold_out, few_left, quantity, continue_, no_payment_yet,
        all_sold_out_title, all_sold_out_text, over_title, over_text, no_products_title, no_products_text, several_dates,
        choose_date, other_dates, together_with,
    }
    Checkout {
        title, your_order, change, total, name, email, email_hint, ticket_names, ticket_names_hint, ticket_name, payment,
        transfer, transfer_hint, nothing_to_pay, no_payment_title, no_payment_text, contract, privacy, submit_paid,
        submit_free, errors_title,
    }
    Order {
        title, thanks, pending_title, pending_text, paid_title, paid_text, expired_title, expired_text, canceled_title,
        canceled_text, transfer_to, amount, reference, reference_hint, no_bank_details, until, download, download_one,
        calendar, tickets, other, no_name, ordered_by, ordered_at, sum, of_which_tax, keep_link, back,
    }
    Waiting { title, text, retry }
    Trouble {
        not_found_title, not_found_text, to_start, forbidden_title, forbidden_text, too_many_title, too_many_text,
        unread_title, unread_text, broken_title, broken_text, reference,
    }
    Errors {
        choose, too_many, sold_out, fewer_left, not_for_sale, gone, closed, name_missing, name_long, email_missing,
        email_wrong, payment_missing, variation, date_missing, date_closed, addon,
    }
    MailWords {
        greeting, pending_subject, pending_text, paid_subject, paid_text, canceled_subject, canceled_text,
        expired_subject, expired_text, open_order, open_tickets, keep, sender,
    }
}

/// All words of one language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// What the language calls itself.
    pub language_name: String,
    pub skip_to_content: String,
    pub language_choice: String,
    pub free: String,
    pub incl_vat: String,
    pub no_vat: String,
    pub back_to_all: String,
    pub powered: String,
    /// Short, from January.
    pub months: [String; 12],
    /// Short, from Monday.
    pub weekdays: [String; 7],
    pub start: Start,
    pub organizer: Organizer,
    pub event: Event,
    pub checkout: Checkout,
    pub order: Order,
    pub waiting: Waiting,
    pub problem: Trouble,
    pub errors: Errors,
    pub mail: MailWords,
}

/// The words of `language`.
///
/// # Panics
/// When a shipped file cannot be read; a test holds that they can.
#[must_use]
pub fn words(language: Language) -> &'static Words {
    static ENGLISH: OnceLock<Words> = OnceLock::new();
    static GERMAN: OnceLock<Words> = OnceLock::new();
    let read = |text: &str| toml::from_str(text).expect("the shipped words can be read");
    match language {
        Language::En => ENGLISH.get_or_init(|| read(include_str!("../../../assets/shop/words/en.toml"))),
        Language::De => GERMAN.get_or_init(|| read(include_str!("../../../assets/shop/words/de.toml"))),
    }
}

/// The tag of a language in addresses and in HTML: `en`, `de`.
#[must_use]
pub fn tag(language: Language) -> &'static str {
    match language {
        Language::En => "en",
        Language::De => "de",
    }
}

/// Puts values into a sentence: every `{name}` becomes its value.
#[must_use]
pub fn fill(sentence: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(sentence.len() + 32);
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            rest = after;
            break;
        };
        out.push_str(values.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value));
        rest = behind;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections(words: &'static Words) -> Vec<(&'static str, &'static str)> {
        [
            words.start.each(),
            words.organizer.each(),
            words.event.each(),
            words.checkout.each(),
            words.order.each(),
            words.waiting.each(),
            words.problem.each(),
            words.errors.each(),
            words.mail.each(),
        ]
        .concat()
    }

    fn holes(sentence: &str) -> Vec<&str> {
        let mut names: Vec<_> =
            sentence.split('{').skip(1).filter_map(|s| s.split_once('}')).map(|(name, _)| name).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn every_sentence_has_the_same_holes_in_every_language_and_none_is_empty() {
        let (english, german) = (sections(words(Language::En)), sections(words(Language::De)));
        assert_eq!(english.len(), german.len());
        for ((key, en), (_, de)) in english.iter().zip(&german) {
            assert!(!en.trim().is_empty() && !de.trim().is_empty(), "{key} is empty");
            assert_eq!(holes(en), holes(de), "{key}");
        }
    }

    #[test]
    fn a_value_is_put_in_as_it_is_even_when_it_looks_like_a_hole() {
        assert_eq!(fill("{a} of {b}!", &[("a", "{b}"), ("b", "x")]), "{b} of x!");
        assert_eq!(fill("no holes", &[]), "no holes");
        assert_eq!(fill("{unknown}ends {", &[]), "ends ");
    }
}
