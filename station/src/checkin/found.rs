//! A ticket found by name stands for its paper: the search hands out a text that only this run of this program takes
//! for a scan. It is sealed, so that nobody prints one, and a position whose code was revoked is not let in by its id.

use sha2::{Digest, Sha256};
use uuid::Uuid;
use willcall_domain::{
    entropy::{self, Entropy},
    id::PositionId,
};

const PREFIX: &str = "found:";

/// The secret of this run.
#[derive(Clone)]
pub struct FoundSeal([u8; 32]);

impl std::fmt::Debug for FoundSeal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FoundSeal(…)")
    }
}

impl FoundSeal {
    #[must_use]
    pub fn born(entropy: &dyn Entropy) -> Self {
        Self(entropy::bytes(entropy))
    }

    /// The text for a position.
    #[must_use]
    pub fn text(&self, position: PositionId) -> String {
        format!("{PREFIX}{}:{}", position.0.simple(), self.mark(position))
    }

    /// The position of a text that this run handed out.
    #[must_use]
    pub fn read(&self, text: &str) -> Option<PositionId> {
        let (id, mark) = text.strip_prefix(PREFIX)?.split_once(':')?;
        let position = PositionId(Uuid::try_parse(id).ok()?);
        (self.mark(position) == mark).then_some(position)
    }

    fn mark(&self, position: PositionId) -> String {
        let mut hash = Sha256::new();
        hash.update(b"willcall found 1\0");
        hash.update(self.0);
        hash.update(position.0.as_bytes());
        hash.update(self.0);
        hex::encode(&hash.finalize()[..16])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use willcall_domain::entropy::SeededEntropy;

    #[test]
    fn only_a_text_of_this_run_stands_for_a_ticket() {
        let (here, other) = (FoundSeal::born(&SeededEntropy::new(1)), FoundSeal::born(&SeededEntropy::new(2)));
        let position = PositionId(Uuid::from_u128(7));
        assert_eq!(here.read(&here.text(position)), Some(position));
        assert_eq!(here.read(&other.text(position)), None);
        assert_eq!(here.read(&format!("found:{}:", position.0.simple())), None);
        assert_eq!(here.read("found:"), None);
    }
}
