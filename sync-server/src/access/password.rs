//! Passwords: argon2id, slow on purpose, so never on a thread that serves, and never more than two at once.

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::sync::Semaphore;
use willcall_domain::entropy::{self, Entropy};

/// The fewest characters of a new password.
pub const MIN_CHARACTERS: usize = 10;
/// The most bytes of a password that are looked at: nobody may buy our time with a megabyte.
pub const MAX_BYTES: usize = 1024;

/// The parameters of the product (19 MiB, two passes), with a salt and a hash nobody's password has: what is compared
/// where there is no such person, so that an answer takes as long.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$d2lsbGNhbGwtbm9ib2R5IQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why a password could not be hashed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    #[error("a password needs at least {MIN_CHARACTERS} characters")]
    TooShort,
    #[error("a password may have at most {MAX_BYTES} bytes")]
    TooLong,
    #[error("the password could not be hashed: {0}")]
    Hash(argon2::password_hash::Error),
    #[error("hashing broke off")]
    Broken,
}

/// Hashes a password for the database, with a salt of `entropy`. Takes some 20 ms of a core.
///
/// # Errors
/// When the password is too short or too long.
pub fn hash(password: &str, entropy: &dyn Entropy) -> Result<String, PasswordError> {
    if password.chars().count() < MIN_CHARACTERS {
        return Err(PasswordError::TooShort);
    }
    if password.len() > MAX_BYTES {
        return Err(PasswordError::TooLong);
    }
    salted(password, entropy::bytes::<16>(entropy))
}

fn salted(secret: &str, salt: [u8; 16]) -> Result<String, PasswordError> {
    let hashed: PasswordHash =
        Argon2::default().hash_password_with_salt(secret.as_bytes(), &salt).map_err(PasswordError::Hash)?;
    Ok(hashed.to_string())
}

/// Hashes a PIN for stations, with a salt of `entropy`, beside the threads that serve. Whether it can be a PIN is the
/// caller's to ask (`willcall_domain::access::operator::valid_pin`).
///
/// # Errors
/// When it cannot be hashed.
pub async fn hash_pin_aside(pin: String, entropy: &dyn Entropy) -> Result<String, PasswordError> {
    let salt = entropy::bytes::<16>(entropy);
    let turn = AT_ONCE.acquire().await;
    let hashed = tokio::task::spawn_blocking(move || {
        let hashed = salted(&pin, salt);
        drop(turn);
        hashed
    });
    hashed.await.map_err(|_| PasswordError::Broken)?
}

/// Whether `password` is the one that was hashed; with nothing to compare, the same work and *no*.
#[must_use]
pub fn verify(password: &str, hashed: Option<&str>) -> bool {
    let Ok(known) = PasswordHash::new(hashed.unwrap_or(NOBODY)) else { return false };
    let right = password.len() <= MAX_BYTES && Argon2::default().verify_password(password.as_bytes(), &known).is_ok();
    right && hashed.is_some()
}

/// How many passwords are checked at once: each takes 19 MiB and a core.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// [`verify`] beside the threads that serve, waiting for its turn.
pub async fn verify_aside(password: String, hashed: Option<String>) -> bool {
    let turn = AT_ONCE.acquire().await;
    let checked = tokio::task::spawn_blocking(move || {
        let right = verify(&password, hashed.as_deref());
        drop(turn);
        right
    });
    checked.await.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use willcall_domain::entropy::SeededEntropy;

    #[test]
    fn a_password_is_recognised_and_another_is_not() {
        let hashed = hash("correct horse", &SeededEntropy::new(1)).unwrap();
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        assert!(verify("correct horse", Some(&hashed)));
        assert!(!verify("correct horsf", Some(&hashed)));
        assert!(!verify("", Some(&hashed)));
        let other = hash("correct horse", &SeededEntropy::new(2)).unwrap();
        assert_ne!(hashed, other, "the same password of two people is not seen to be the same");
    }

    #[test]
    fn nobody_has_a_password_and_finding_out_takes_the_same_work() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let somebody = hash("correct horse", &SeededEntropy::new(1)).unwrap();
        let somebody = PasswordHash::new(&somebody).unwrap();
        assert_eq!(nobody.params, somebody.params);
        assert_eq!(nobody.hash.unwrap().len(), somebody.hash.unwrap().len());
        assert!(!verify("correct horse", None));
    }

    #[test]
    fn short_and_huge_passwords_are_refused() {
        assert!(matches!(hash("short", &SeededEntropy::new(1)), Err(PasswordError::TooShort)));
        let huge = "x".repeat(MAX_BYTES + 1);
        assert!(matches!(hash(&huge, &SeededEntropy::new(1)), Err(PasswordError::TooLong)));
        assert!(!verify(&huge, None));
    }
}
