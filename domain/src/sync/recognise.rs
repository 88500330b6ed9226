//! Does the server know who speaks? A station that was copied, or put back from a backup, comes with the right key, so
//! its key says nothing. What it says of itself does: which machine it is on, how long its journal is and what the last
//! entry's hash is, and the token it was handed at its last contact.

use crate::clock::UtcMillis;

/// SHA-256 of a token or an entry.
type Hash = [u8; 32];

/// A contact that was asked this long before another one that is known came late, and says nothing new.
const LATE_MS: i64 = 120_000;

/// What a station says of itself in a contact.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told<'a> {
    pub incarnation: u32,
    /// Length of the journal in this incarnation.
    pub length: u64,
    /// Hash of its last entry; `None` where it has none or does not say.
    pub tail: Option<Hash>,
    /// SHA-256 of the token it was handed last; `None` where it has none.
    pub token: Option<Hash>,
    /// Whether it speaks a version that keeps tokens.
    pub keeps_tokens: bool,
    /// Digest of its machine; empty where it does not say.
    pub machine: &'a str,
    /// It doubts itself.
    pub suspect: bool,
    /// Its wall clock when it asked.
    pub clock: Option<UtcMillis>,
}

/// What is remembered of a device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Remembered {
    /// The newest incarnation anybody told of; 0 for none.
    pub newest_incarnation: u32,
    /// The greatest length it ever told of the told incarnation. Not what carriers brought: that may overtake a question.
    pub longest: u64,
    /// Hashes that are known of the entry numbered as long as the journal is told to be.
    pub hashes: Vec<Hash>,
    /// SHA-256 of the token handed out last in this incarnation, and of the one that was shown for it: should its answer
    /// be lost, and the next ones too, that one is shown again.
    pub tokens: [Option<Hash>; 2],
    /// Digest of its machine in this incarnation; empty when it never said.
    pub machine: String,
    /// Wall clock of its newest contact.
    pub clock: Option<UtcMillis>,
    /// Taken for a copy before, and nobody has said otherwise.
    pub doubted: bool,
}

/// Why the one who speaks may not be the one station there is; the first reason that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Doubt {
    /// It says so itself.
    Itself,
    /// A newer incarnation of it has been heard: this one was put back or copied before.
    OlderIncarnation,
    /// It said before that its journal was longer.
    Behind,
    /// Its last entry is another than the one known under that number.
    OtherEntry,
    /// The token is neither the one handed out last nor the one that was shown for it.
    OldToken,
    /// It is on another machine.
    OtherMachine,
    /// Doubted before in this incarnation.
    Before,
}

impl Doubt {
    /// Every reason there is.
    pub const ALL: [Self; 7] = [
        Self::Itself,
        Self::OlderIncarnation,
        Self::Behind,
        Self::OtherEntry,
        Self::OldToken,
        Self::OtherMachine,
        Self::Before,
    ];

    /// The word that is stored.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Itself => "itself",
            Self::OlderIncarnation => "older_incarnation",
            Self::Behind => "behind",
            Self::OtherEntry => "other_entry",
            Self::OldToken => "old_token",
            Self::OtherMachine => "other_machine",
            Self::Before => "before",
        }
    }
}

/// What the server makes of a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recognised {
    /// It is who it says: it is handed a new token.
    Known,
    /// It was asked before a contact that has been answered: answered, and nothing is concluded.
    Late,
    Doubted(Doubt),
}

/// Whether the one who speaks is the station that is remembered.
#[must_use]
pub fn recognise(told: &Told<'_>, known: &Remembered) -> Recognised {
    let late = told.clock.zip(known.clock).is_some_and(|(asked, newest)| {
        let before = newest.since(asked);
        before > 0 && before < LATE_MS
    });
    if late && !told.suspect {
        return Recognised::Late;
    }
    let doubts = [
        (told.suspect, Doubt::Itself),
        (told.incarnation < known.newest_incarnation, Doubt::OlderIncarnation),
        (told.length < known.longest, Doubt::Behind),
        (told.tail.is_some_and(|tail| !known.hashes.is_empty() && !known.hashes.contains(&tail)), Doubt::OtherEntry),
        (told.keeps_tokens && known.tokens[0].is_some() && !holds(known, told.token), Doubt::OldToken),
        (!told.machine.is_empty() && !known.machine.is_empty() && told.machine != known.machine, Doubt::OtherMachine),
        (known.doubted, Doubt::Before),
    ];
    let first = doubts.into_iter().find(|(holds, _)| *holds);
    first.map_or(Recognised::Known, |(_, doubt)| Recognised::Doubted(doubt))
}

/// The newest token, or, its answer lost, the one before: that is none after the very first.
fn holds(known: &Remembered, token: Option<Hash>) -> bool {
    known.tokens.contains(&token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hash(n: u8) -> Hash {
        [n; 32]
    }

    fn told() -> Told<'static> {
        Told {
            incarnation: 2,
            length: 40,
            tail: Some(hash(40)),
            token: Some(hash(1)),
            keeps_tokens: true,
            machine: "m1",
            suspect: false,
            clock: Some(UtcMillis(1_000_000)),
        }
    }

    fn known() -> Remembered {
        Remembered {
            newest_incarnation: 2,
            longest: 40,
            hashes: vec![hash(40)],
            tokens: [Some(hash(2)), Some(hash(1))],
            machine: "m1".into(),
            clock: Some(UtcMillis(900_000)),
            doubted: false,
        }
    }

    #[test]
    fn a_station_is_doubted_for_each_reason_and_for_no_other() {
        use Recognised::{Doubted, Known, Late};
        let late = Some(UtcMillis(1_000_001));
        let table: Vec<(&str, Told<'_>, Remembered, Recognised)> = vec![
            ("all is as it was", told(), known(), Known),
            ("the answer with the newest token was lost", Told { token: Some(hash(1)), ..told() }, known(), Known),
            ("its first contact", Told { token: None, ..told() }, Remembered::default(), Known),
            (
                "it wrote more meanwhile",
                Told { length: 50, tail: Some(hash(50)), ..told() },
                Remembered { hashes: vec![], ..known() },
                Known,
            ),
            (
                "a station of the first version",
                Told { token: None, keeps_tokens: false, machine: "", tail: None, clock: None, ..told() },
                known(),
                Known,
            ),
            (
                "a new incarnation",
                Told { incarnation: 3, length: 1, token: Some(hash(1)), ..told() },
                Remembered { newest_incarnation: 2, ..Remembered::default() },
                Known,
            ),
            ("it says so", Told { suspect: true, ..told() }, known(), Doubted(Doubt::Itself)),
            ("an older incarnation", Told { incarnation: 1, ..told() }, known(), Doubted(Doubt::OlderIncarnation)),
            ("put back from a backup", Told { length: 30, ..told() }, known(), Doubted(Doubt::Behind)),
            ("another last entry", Told { tail: Some(hash(41)), ..told() }, known(), Doubted(Doubt::OtherEntry)),
            ("either branch of a fork", told(), Remembered { hashes: vec![hash(41), hash(40)], ..known() }, Known),
            ("an old token", Told { token: Some(hash(9)), ..told() }, known(), Doubted(Doubt::OldToken)),
            ("no token where one was handed out", Told { token: None, ..told() }, known(), Doubted(Doubt::OldToken)),
            ("another machine", Told { machine: "m2", ..told() }, known(), Doubted(Doubt::OtherMachine)),
            ("doubted before", told(), Remembered { doubted: true, ..known() }, Doubted(Doubt::Before)),
            ("it came late", Told { token: Some(hash(9)), ..told() }, Remembered { clock: late, ..known() }, Late),
        ];
        for (what, told, known, expected) in table {
            assert_eq!(recognise(&told, &known), expected, "{what}");
        }
    }

    /// The server's side of tokens, as it is kept.
    #[derive(Default)]
    struct Server {
        known: Remembered,
        handed: u8,
    }

    impl Server {
        fn contact(&mut self, token: Option<Hash>, clock: i64) -> (Recognised, Option<Hash>) {
            let told = Told { token, clock: Some(UtcMillis(clock)), ..Told { keeps_tokens: true, ..Told::default() } };
            let recognised = recognise(&told, &self.known);
            if recognised == Recognised::Known {
                self.handed += 1;
                self.known.tokens = [Some(hash(self.handed)), told.token];
                self.known.clock = told.clock;
                return (recognised, self.known.tokens[0]);
            }
            (recognised, None)
        }
    }

    proptest! {
        /// Answers get lost, questions come late and twice: an honest station is never doubted.
        #[test]
        fn an_honest_station_is_never_doubted(lost in prop::collection::vec(0u8..4, 1..60)) {
            let (mut server, mut token, mut late) = (Server::default(), None, Vec::new());
            for (n, fate) in lost.into_iter().enumerate() {
                let clock = 1_000 * i64::try_from(n).unwrap();
                match fate {
                    // The question comes later, behind others.
                    0 => late.push((token, clock)),
                    // The answer is lost.
                    1 => { server.contact(token, clock); }
                    _ => {
                        let (recognised, handed) = server.contact(token, clock);
                        prop_assert!(!matches!(recognised, Recognised::Doubted(_)), "{recognised:?}");
                        token = handed.or(token);
                    }
                }
                if fate == 3 {
                    for (token, clock) in late.drain(..) {
                        let (recognised, _) = server.contact(token, clock);
                        prop_assert!(!matches!(recognised, Recognised::Doubted(_)), "late: {recognised:?}");
                    }
                }
            }
        }

        /// Two that go on from the same token: one is doubted as soon as the other has spoken twice between.
        #[test]
        fn a_copy_that_goes_on_beside_is_found(turns in prop::collection::vec(any::<bool>(), 2..40)) {
            let mut server = Server::default();
            let (_, first) = server.contact(None, 0);
            let mut tokens = [first, first];
            let mut found = false;
            for (n, who) in turns.iter().enumerate() {
                let clock = 1_000 * i64::try_from(n + 1).unwrap();
                let (recognised, handed) = server.contact(tokens[usize::from(*who)], clock);
                found |= matches!(recognised, Recognised::Doubted(_));
                tokens[usize::from(*who)] = handed.or(tokens[usize::from(*who)]);
            }
            prop_assert_eq!(found, overtaken(&turns));
        }
    }

    /// Whether in this order somebody showed a token that neither was the newest nor had been shown for it.
    fn overtaken(turns: &[bool]) -> bool {
        let (mut newest, mut shown, mut has) = (1_u32, 0, [1_u32, 1]);
        for who in turns {
            let mine = &mut has[usize::from(*who)];
            if *mine != newest && *mine != shown {
                return true;
            }
            shown = *mine;
            newest += 1;
            *mine = newest;
        }
        false
    }
}
