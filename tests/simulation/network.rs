//! What travels between stations and the server. A message may be lost, doubled, delayed past others, or meet a link that
//! is closed on one of its ways when it arrives.

use super::{
    dice::Dice,
    rows::{Line, Row},
};
use std::collections::BTreeSet;
use willcall_domain::{
    devices::certificate::DeviceCertificate,
    id::{DeviceId, EventId, HistoryId, QuotaId, RequestId},
    leases::{Grant, RightGrant, RightSubject, passing::Proof},
    sync::{Entry, Outcome},
};

/// No machine's number.
const NOBODY: usize = usize::MAX;

/// How far a station has read.
pub type Cursor = (HistoryId, i64);

/// What a station asks of the server.
#[derive(Debug, Clone)]
pub enum Ask {
    Contact(Question),
    Push(Vec<Entry>),
    /// What came since, or all; `asked` is its own instant.
    Pull {
        cursor: Option<Cursor>,
        asked: i64,
    },
    /// All of these events.
    Snapshot {
        events: BTreeSet<EventId>,
    },
    Units {
        quota: QuotaId,
        request: RequestId,
        wanted: u32,
    },
    Right {
        subject: RightSubject,
        request: RequestId,
    },
    /// Rows of an earlier history that the present one has not brought again.
    Offer {
        history: HistoryId,
        rows: Vec<Row>,
    },
}

/// What the server answers.
#[derive(Debug, Clone)]
pub enum Reply {
    Contact {
        nth: u64,
        asked: u32,
        answer: Box<Answer>,
    },
    Push {
        history: HistoryId,
        device: DeviceId,
        incarnation: u32,
        outcomes: Vec<(u64, Outcome)>,
    },
    /// `head` is where the feed ended.
    Rows {
        history: HistoryId,
        lines: Vec<Line>,
        next: i64,
        head: i64,
        whole: Option<BTreeSet<EventId>>,
        asked: i64,
    },
    Snapshot {
        history: HistoryId,
        events: BTreeSet<EventId>,
        lines: Vec<Line>,
    },
    Units(Grant),
    Right(RightGrant),
}

/// One message. `slot` is the machine it goes to or comes from: a copied station is two machines of one device.
#[derive(Debug, Clone)]
pub enum Message {
    Up {
        slot: usize,
        device: DeviceId,
        ask: Ask,
    },
    Down {
        slot: usize,
        reply: Reply,
    },
    /// On a stick or over the counter, from till to till.
    HandOver {
        slot: usize,
        proof: Box<Proof>,
        yes: bool,
    },
}

/// What a station says of itself.
#[derive(Debug, Clone)]
pub struct Question {
    /// It asks once at a time: an answer to an earlier question is not waited for any more.
    pub nth: u64,
    pub incarnation: u32,
    pub length: u64,
    pub tail: Option<[u8; 32]>,
    pub token: Option<[u8; 32]>,
    pub machine: String,
    pub suspect: bool,
    pub wall: willcall_domain::clock::UtcMillis,
    /// The history it knows, and entries that wait.
    pub history: Option<HistoryId>,
    pub waiting: usize,
}

/// What the server says.
#[derive(Debug, Clone)]
pub struct Answer {
    pub history: HistoryId,
    pub acked: u64,
    pub token: Option<[u8; 32]>,
    pub suspect: bool,
    pub newest: u32,
    pub certificate: Option<DeviceCertificate>,
    pub grants: Vec<Grant>,
    pub rights: Vec<RightGrant>,
    /// Server time.
    pub now: i64,
}

/// Messages under way, with the instant each arrives.
#[derive(Debug, Clone)]
pub struct Network {
    under_way: Vec<(i64, Message)>,
    /// Percent of messages lost, and doubled.
    pub loss: u64,
    pub doubled: u64,
}

impl Network {
    pub fn lossy(loss: u64, doubled: u64) -> Self {
        Self { under_way: Vec::new(), loss, doubled }
    }

    /// A slow line takes most of a minute each way; who asks gives up after that, so nothing comes later.
    pub fn send(&mut self, now: i64, message: Message, slow: bool, dice: &mut Dice) {
        if dice.chance(self.loss) {
            return;
        }
        // One contact is one exchange over one connection.
        let is_contact = matches!(
            message,
            Message::Up { ask: Ask::Contact(_), .. } | Message::Down { reply: Reply::Contact { .. }, .. }
        );
        if !is_contact && dice.chance(self.doubled) {
            self.under_way.push((now + delay(slow, dice), message.clone()));
        }
        self.under_way.push((now + delay(slow, dice), message));
    }

    /// A machine stops: what it asked is still asked, and the answers meet nobody.
    pub fn forget(&mut self, stopped: usize) {
        for (_, message) in &mut self.under_way {
            match message {
                Message::Up { slot, .. } | Message::Down { slot, .. } if *slot == stopped => *slot = NOBODY,
                Message::Up { .. } | Message::Down { .. } | Message::HandOver { .. } => {}
            }
        }
    }

    /// The clock of a machine jumps: a contact under way says when it was asked by the clock as it was.
    pub fn lose_contacts(&mut self, of: usize) {
        let lost = |m: &Message| matches!(m, Message::Up { slot, ask: Ask::Contact(_), .. } if *slot == of);
        self.under_way.retain(|(_, message)| !lost(message));
    }

    /// The server stops: its connections end, and what it had answered does not arrive.
    pub fn server_stops(&mut self) {
        self.under_way.retain(|(_, message)| !matches!(message, Message::Down { .. }));
    }

    /// Everything that has arrived by now, in the order it arrives.
    pub fn arrived(&mut self, now: i64) -> Vec<Message> {
        if self.under_way.iter().all(|(at, _)| *at > now) {
            return Vec::new();
        }
        let (mut here, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.under_way).into_iter().partition(|(at, _)| *at <= now);
        self.under_way = rest;
        here.sort_by_key(|(at, _)| *at);
        here.into_iter().map(|(_, message)| message).collect()
    }

    pub fn is_quiet(&self) -> bool {
        self.under_way.is_empty()
    }
}

/// Mostly soon, sometimes long after.
fn delay(slow: bool, dice: &mut Dice) -> i64 {
    if slow {
        return 20_000 + i64::try_from(dice.throw() % 30_000).unwrap_or(0);
    }
    let most = if dice.chance(15) { 60_000 } else { 2_000 };
    i64::try_from(dice.throw() % most).unwrap_or(0)
}
