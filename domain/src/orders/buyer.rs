//! What a buyer types: cleaned, and refused with a reason a form can show beside the field. Not here: whether mail to an
//! address arrives.

/// The most characters of a person's name.
pub const NAME_MAX: usize = 200;
/// The most bytes of an e-mail address (RFC 5321).
pub const EMAIL_MAX: usize = 254;

/// Why a field is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BuyerError {
    #[error("please tell us your name")]
    NameMissing,
    #[error("at most {0} characters, please")]
    NameTooLong(usize),
    #[error("please tell us your e-mail address")]
    EmailMissing,
    #[error("that is no complete e-mail address; it looks like name@example.org")]
    EmailWrong,
}

/// A name that must be there: blanks around it and control characters go, runs of blanks become one.
///
/// # Errors
/// When nothing is left, or too much.
pub fn name(text: &str) -> Result<String, BuyerError> {
    let name = optional_name(text)?;
    if name.is_empty() { Err(BuyerError::NameMissing) } else { Ok(name) }
}

/// A name that may be missing: empty then.
///
/// # Errors
/// When it is too long.
pub fn optional_name(text: &str) -> Result<String, BuyerError> {
    let printable: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let name = printable.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.chars().count() > NAME_MAX { Err(BuyerError::NameTooLong(NAME_MAX)) } else { Ok(name) }
}

/// An e-mail address: one person at one domain with a dot in it. Blanks around it go; the domain is written small.
///
/// # Errors
/// When it is missing, or cannot be an address on the internet.
pub fn email(text: &str) -> Result<String, BuyerError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(BuyerError::EmailMissing);
    }
    let (local, domain) = text.rsplit_once('@').ok_or(BuyerError::EmailWrong)?;
    if text.len() > EMAIL_MAX || !is_local(local) || !is_domain(domain) {
        return Err(BuyerError::EmailWrong);
    }
    Ok(format!("{local}@{}", domain.to_lowercase()))
}

fn is_local(local: &str) -> bool {
    let atom = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c))
    };
    local.len() <= 64 && local.split('.').all(atom)
}

fn is_domain(domain: &str) -> bool {
    let label = |part: &str| {
        !part.is_empty()
            && part.len() <= 63
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    let last = domain.rsplit('.').next().unwrap_or_default();
    let top = last.chars().count() >= 2 && !last.bytes().all(|b| b.is_ascii_digit());
    domain.contains('.') && top && domain.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_that_people_have_is_taken_as_they_type_it() {
        for (typed, taken) in [
            ("mira@example.org", "mira@example.org"),
            (" Mira.Lang+abo@Mail.Example.ORG ", "Mira.Lang+abo@mail.example.org"),
            ("o'neil@bühne.de", "o'neil@bühne.de"),
            ("a@b.co", "a@b.co"),
        ] {
            assert_eq!(email(typed).as_deref(), Ok(taken), "{typed}");
        }
    }

    #[test]
    fn what_cannot_be_an_address_is_refused() {
        assert_eq!(email("  "), Err(BuyerError::EmailMissing));
        let long = format!("a@{}.org", "b".repeat(260));
        for typed in [
            "mira",
            "mira@",
            "@example.org",
            "mira@example",
            "mira@example.",
            "mira@.org",
            "mi ra@example.org",
            "mira@exa mple.org",
            "mira@@example.org",
            "mira..l@example.org",
            ".m@example.org",
            "mira@example.1",
            "mira@-a.org",
            "mira@example.org\nBcc: x@y.org",
            "<mira@example.org>",
            "mira@example.org, x@y.org",
            &long,
        ] {
            assert_eq!(email(typed), Err(BuyerError::EmailWrong), "{typed}");
        }
    }

    #[test]
    fn a_name_loses_only_what_cannot_be_printed() {
        assert_eq!(name("  Ana\tMaria \n de  Sá "), Ok("Ana Maria de Sá".into()));
        assert_eq!(name("\u{0}\u{7f} "), Err(BuyerError::NameMissing));
        assert_eq!(optional_name(""), Ok(String::new()));
        assert_eq!(name(&"ö".repeat(200)).map(|n| n.chars().count()), Ok(200), "counted in characters");
        assert_eq!(name(&"ö".repeat(201)), Err(BuyerError::NameTooLong(200)));
    }

    proptest! {
        #[test]
        fn nothing_that_is_typed_puts_a_line_break_into_a_mail(text in "\\PC*|[\\s\\S]{0,40}") {
            for taken in [name(&text), email(&text)].into_iter().flatten() {
                prop_assert!(!taken.chars().any(char::is_control), "{taken:?}");
            }
        }
    }
}
