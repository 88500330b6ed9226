//! What travels between stations and the server. A message may be lost, doubled, delayed past others, or meet a closed
//! link when it arrives.

use super::dice::Dice;
use willcall_domain::{
    checkin::merge::Use,
    id::{DeviceId, HandOverId, HistoryId, PositionId, QuotaId, RequestId, VoucherId},
    leases::{Grant, LeaseRow, RightGrant, RightRow},
    sync::{Entry, Outcome},
};

/// A row of the feed.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// A catalogue row; no price is a tombstone.
    Item {
        item: i64,
        version: i64,
        price: Option<i64>,
    },
    Lease(LeaseRow),
    Right(RightRow),
    Declined {
        hand_over: HandOverId,
        to: DeviceId,
    },
    Scan {
        position: PositionId,
        of: Use,
    },
}

/// No machine's number.
const NOBODY: usize = usize::MAX;

/// One message. `slot` is the machine it goes to or comes from: a copied station is two machines of one device.
#[derive(Debug, Clone)]
pub enum Message {
    Contact {
        slot: usize,
        device: DeviceId,
        ask: Question,
    },
    ContactAnswer {
        slot: usize,
        asked: u32,
        answer: Answer,
    },
    Push {
        slot: usize,
        entries: Vec<Entry>,
    },
    PushAnswer {
        slot: usize,
        history: HistoryId,
        incarnation: u32,
        outcomes: Vec<(u64, Outcome)>,
    },
    Pull {
        slot: usize,
        device: DeviceId,
        cursor: Option<(HistoryId, i64)>,
    },
    Rows {
        slot: usize,
        history: HistoryId,
        rows: Vec<Row>,
        next: i64,
    },
    Ask {
        slot: usize,
        device: DeviceId,
        quota: QuotaId,
        request: RequestId,
        wanted: u32,
    },
    Granted {
        slot: usize,
        grant: Grant,
    },
    AskRight {
        slot: usize,
        device: DeviceId,
        voucher: VoucherId,
        request: RequestId,
    },
    RightGranted {
        slot: usize,
        grant: RightGrant,
    },
    /// On a stick or over the counter, from till to till.
    HandOver {
        slot: usize,
        given: Entry,
        yes: bool,
    },
}

/// What a station says of itself.
#[derive(Debug, Clone)]
pub struct Question {
    pub incarnation: u32,
    pub length: u64,
    pub tail: Option<[u8; 32]>,
    pub token: Option<[u8; 32]>,
    pub machine: String,
    pub suspect: bool,
    pub wall: willcall_domain::clock::UtcMillis,
}

/// What the server says.
#[derive(Debug, Clone)]
pub struct Answer {
    pub history: HistoryId,
    pub acked: u64,
    pub token: Option<[u8; 32]>,
    pub suspect: bool,
    pub newest: u32,
    pub grants: Vec<Grant>,
    pub rights: Vec<RightGrant>,
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

    pub fn send(&mut self, now: i64, message: Message, dice: &mut Dice) {
        if dice.chance(self.loss) {
            return;
        }
        if dice.chance(self.doubled) {
            self.under_way.push((now + delay(dice), message.clone()));
        }
        self.under_way.push((now + delay(dice), message));
    }

    /// A machine stops: what it asked is still asked, and the answers meet nobody.
    pub fn forget(&mut self, stopped: usize) {
        for (_, message) in &mut self.under_way {
            match message {
                Message::ContactAnswer { slot, .. }
                | Message::PushAnswer { slot, .. }
                | Message::Rows { slot, .. }
                | Message::Granted { slot, .. }
                | Message::AskRight { slot, .. }
                | Message::RightGranted { slot, .. }
                | Message::Contact { slot, .. }
                | Message::Push { slot, .. }
                | Message::Pull { slot, .. }
                | Message::Ask { slot, .. } => {
                    if *slot == stopped {
                        *slot = NOBODY;
                    }
                }
                Message::HandOver { .. } => {}
            }
        }
    }

    /// The server stops: its connections end, and what it had answered does not arrive.
    pub fn server_stops(&mut self) {
        self.under_way.retain(|(_, message)| match message {
            Message::ContactAnswer { .. }
            | Message::PushAnswer { .. }
            | Message::Rows { .. }
            | Message::Granted { .. }
            | Message::RightGranted { .. } => false,
            Message::Contact { .. }
            | Message::Push { .. }
            | Message::Pull { .. }
            | Message::Ask { .. }
            | Message::AskRight { .. }
            | Message::HandOver { .. } => true,
        });
    }

    /// Everything that has arrived by now, in the order it arrives.
    pub fn arrived(&mut self, now: i64) -> Vec<Message> {
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
fn delay(dice: &mut Dice) -> i64 {
    let most = if dice.chance(15) { 60_000 } else { 2_000 };
    i64::try_from(dice.throw() % most).unwrap_or(0)
}
