//! Bearer secrets: `wcd_<organizer>_<subject>_<secret>`. The organizer stands in front so that a secret is looked up as
//! its tenant; the database keeps SHA-256 only.

use sha2::{Digest, Sha256};
use willcall_domain::{
    entropy::{self, Entropy},
    id::{DeviceId, OrganizerId, StaffId},
};

/// What a secret opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Turns a machine into a device, once.
    Enrolment,
    /// Lets a device talk for ever, or until it is revoked.
    Device,
    /// A signed-in browser.
    Session,
}

impl Kind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Enrolment => "wce",
            Self::Device => "wcd",
            Self::Session => "wcs",
        }
    }
}

/// A secret and what it says openly.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    pub organizer: OrganizerId,
    /// The device or staff id.
    pub subject: i64,
    text: String,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token({}, {}, …)", self.organizer, self.subject)
    }
}

impl Token {
    #[must_use]
    pub fn enrolment(organizer: OrganizerId, device: DeviceId, entropy: &dyn Entropy) -> Self {
        Self::new(Kind::Enrolment, organizer, device.0, entropy)
    }

    #[must_use]
    pub fn device(organizer: OrganizerId, device: DeviceId, entropy: &dyn Entropy) -> Self {
        Self::new(Kind::Device, organizer, device.0, entropy)
    }

    #[must_use]
    pub fn session(organizer: OrganizerId, staff: StaffId, entropy: &dyn Entropy) -> Self {
        Self::new(Kind::Session, organizer, staff.0, entropy)
    }

    fn new(kind: Kind, organizer: OrganizerId, subject: i64, entropy: &dyn Entropy) -> Self {
        let secret = hex::encode(entropy::bytes::<20>(entropy));
        Self { organizer, subject, text: format!("{}_{organizer}_{subject}_{secret}", kind.prefix()) }
    }

    /// Reads a token of this kind; `None` when it is none, which says nothing about whether it is known.
    #[must_use]
    pub fn read(kind: Kind, text: &str) -> Option<Self> {
        let mut parts = text.split('_');
        let mut next = || parts.next();
        if next()? != kind.prefix() {
            return None;
        }
        let organizer = OrganizerId(next()?.parse().ok()?);
        let subject = next()?.parse().ok()?;
        let secret = next()?;
        let whole = secret.len() == 40 && secret.bytes().all(|b| b.is_ascii_hexdigit()) && next().is_none();
        whole.then(|| Self { organizer, subject, text: text.to_owned() })
    }

    /// The secret itself, to be shown or sent once.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the database keeps.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        hash(self.text.as_bytes())
    }
}

/// SHA-256.
#[must_use]
pub fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use willcall_domain::entropy::SeededEntropy;

    #[test]
    fn a_token_is_read_back_as_its_own_kind_and_as_nothing_else() {
        let token = Token::device(OrganizerId(7), DeviceId(9), &SeededEntropy::new(1));
        let read = Token::read(Kind::Device, token.text()).unwrap();
        assert_eq!((read.organizer, read.subject, read.hash()), (OrganizerId(7), 9, token.hash()));
        assert_eq!(Token::read(Kind::Enrolment, token.text()), None);
        for broken in
            ["", "wcd", "wcd_7_9", "wcd_7_9_", "wcd_x_9_aa", &format!("{}_1", token.text()), &token.text()[..40]]
        {
            assert_eq!(Token::read(Kind::Device, broken), None, "{broken:?}");
        }
    }
}
