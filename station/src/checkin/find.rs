//! What a code is: the tickets it stands for with all that is known around them, and the list it is scanned on.

use super::{found::FoundSeal, store, store::setup, unrecorded::Unrecorded};
use crate::{catalog, error::Fault, leases, orders, ticketing};
use rusqlite::Transaction;
use willcall_domain::{
    catalog::{Article, DateRow, EventRow, ItemRow},
    checkin::{
        Around, Candidate, ListRow, PastScan, Subject,
        medium::{self, MediumRow},
    },
    clock::UtcMillis,
    id::{EventId, ListId, PositionId, QuestionId},
    orders::PositionRow,
    problem::Code,
    ticketing::{Signed, Verification, blank::VoidWhy},
};

const NO_LIST: &str = "This check-in list is not at this station any more: it was deleted, or the station may not see it \
                       now. Choose another list; nothing was recorded.";

/// What is looked for, and where.
pub(super) struct Sought<'a> {
    pub code: &'a str,
    pub verification: &'a Verification,
    pub seal: &'a FoundSeal,
    /// The lists it may be scanned on, the first before the others.
    pub lists: Vec<ListId>,
    pub now: UtcMillis,
    /// Scans that count and are in no table yet.
    pub unrecorded: &'a Unrecorded,
}

/// What a code turned out to be, with all it borrows from.
pub(super) struct Found {
    pub list: ListRow,
    pub event: EventRow,
    pub tickets: Vec<Ticket>,
    pub signed: Option<Signed>,
    /// What is known around a ticket of which the signature is all that is known.
    alone: Known,
    void: Option<VoidWhy>,
    unknown_key: bool,
    medium: Option<MediumRow>,
    dead_medium: bool,
}

/// A ticket the code may stand for.
pub(super) struct Ticket {
    pub position: PositionRow,
    /// Whether the code itself names it.
    pub named: bool,
    pub known: Known,
}

/// What is known around a ticket.
#[derive(Default)]
pub(super) struct Known {
    pub item: Option<ItemRow>,
    pub date: Option<DateRow>,
    history: Vec<PastScan>,
    answered: Vec<QuestionId>,
    pub media: Vec<MediumRow>,
}

/// Looks a code up.
///
/// # Errors
/// When none of the lists is here, or the database cannot be read.
pub(super) fn find(tx: &Transaction<'_>, sought: &Sought<'_>) -> Result<Found, Fault> {
    let (signed, unknown_key) = match sought.verification {
        Verification::Good(signed) => (Some(signed.clone()), false),
        Verification::UnknownKey => (None, true),
        Verification::Forged | Verification::Plain(_) => (None, false),
    };
    let mut media = Vec::new();
    let mut positions = match &signed {
        Some(signed) => by_code(tx, signed)?.into_iter().collect(),
        None => by_text(tx, sought.seal, sought.code)?,
    };
    if signed.is_none() && positions.is_empty() {
        media = setup::media_of_hash(tx, &medium::hash(sought.code))?;
        positions = by_media(tx, &media, sought.now)?;
    }
    let events: Vec<EventId> = match &signed {
        Some(signed) => vec![signed.event_id],
        None => positions.iter().map(|position| position.event_id).collect(),
    };
    let (list, event) = choose_list(tx, &sought.lists, &events)?;
    let mut found = Found {
        alone: Known::default(),
        void: None,
        unknown_key,
        dead_medium: !media.is_empty() && positions.is_empty(),
        medium: media.into_iter().find(|one| one.holds(sought.now) && !positions.is_empty()),
        tickets: Vec::with_capacity(positions.len()),
        signed,
        list,
        event,
    };
    for position in positions {
        found.add(tx, sought, position)?;
    }
    if let (Some(signed), true) = (&found.signed, found.tickets.is_empty()) {
        found.void = why_void(tx, signed)?;
        let (position, hash) = (signed.position_id, Some(&signed.payload_hash));
        found.alone = Known::read(tx, sought, &found.list, (signed.article(), position, hash))?;
    }
    Ok(found)
}

fn by_code(tx: &Transaction<'_>, signed: &Signed) -> Result<Option<PositionRow>, Fault> {
    match (signed.position_id, signed.seed.as_deref().and_then(ticketing::pack)) {
        (Some(id), _) => orders::by_id(tx, id),
        (None, Some(seed)) => orders::by_seed(tx, signed.event_id, seed),
        (None, None) => Ok(None),
    }
}

/// By what the search hands out, or by plain secrets, of whatever event.
fn by_text(tx: &Transaction<'_>, seal: &FoundSeal, code: &str) -> Result<Vec<PositionRow>, Fault> {
    match seal.read(code) {
        Some(id) => Ok(orders::by_id(tx, id)?.into_iter().collect()),
        None => orders::by_plain(tx, code),
    }
}

fn by_media(tx: &Transaction<'_>, media: &[MediumRow], now: UtcMillis) -> Result<Vec<PositionRow>, Fault> {
    let mut found: Vec<PositionRow> = Vec::new();
    for id in media.iter().filter(|medium| medium.holds(now)).filter_map(|medium| medium.position_id) {
        if !found.iter().any(|known| known.position_id == id) {
            found.extend(orders::by_id(tx, id)?);
        }
    }
    Ok(found)
}

/// The first of the lists that is of one of these events, else the first that is here.
fn choose_list(tx: &Transaction<'_>, wanted: &[ListId], of: &[EventId]) -> Result<(ListRow, EventRow), Fault> {
    let mut here = Vec::with_capacity(wanted.len());
    for id in wanted {
        if let Some(list) = store::list(tx, *id)?
            && let Some(event) = catalog::event(tx, list.event_id)?
        {
            here.push((list, event));
        }
    }
    let fits = here.iter().position(|(list, _)| of.contains(&list.event_id)).unwrap_or(0);
    if here.is_empty() {
        return Err(Fault::refused(Code::NotFound, NO_LIST));
    }
    Ok(here.swap_remove(fits))
}

/// Why a blank is void. One that this very station holds and has not sold is.
fn why_void(tx: &Transaction<'_>, signed: &Signed) -> Result<Option<VoidWhy>, Fault> {
    let (held, told) = if let Some(id) = signed.position_id {
        (leases::holds_unsold(tx, id)?, ticketing::why_void(tx, id)?)
    } else if let Some(seed) = signed.seed.as_deref().and_then(ticketing::pack) {
        (leases::holds_unsold_seed(tx, seed)?, ticketing::why_void_seed(tx, seed)?)
    } else {
        (false, None)
    };
    Ok(if held { Some(VoidWhy::Void) } else { told })
}

impl Known {
    fn read(
        tx: &Transaction<'_>,
        sought: &Sought<'_>,
        list: &ListRow,
        (article, position, hash): (Article, Option<PositionId>, Option<&[u8; 32]>),
    ) -> Result<Self, Fault> {
        let mut history = store::history(tx, list.list_id, position, hash)?;
        history.extend(sought.unrecorded.uses(list.list_id, position, hash));
        Ok(Self {
            item: catalog::item(tx, article.item_id)?,
            date: article.date_id.map(|id| catalog::date(tx, id)).transpose()?.flatten(),
            history,
            answered: setup::answered(tx, position, hash)?,
            media: position.map(|id| setup::media_of_position(tx, id)).transpose()?.unwrap_or_default(),
        })
    }

    fn around(&self) -> Around<'_> {
        Around {
            item: self.item.as_ref(),
            date: self.date.as_ref(),
            history: &self.history,
            answered: &self.answered,
            media: &self.media,
        }
    }

    /// Whether somebody entered by it on this list.
    pub fn is_used(&self) -> bool {
        let entered =
            |past: &PastScan| !past.scan.undone && past.scan.direction == willcall_domain::checkin::Direction::Entry;
        self.history.iter().any(entered)
    }
}

impl Found {
    /// One more ticket the code names, and what was bought with it.
    fn add(&mut self, tx: &Transaction<'_>, sought: &Sought<'_>, position: PositionRow) -> Result<(), Fault> {
        let addons = orders::addons_of(tx, position.position_id)?;
        let hash = self.signed.as_ref().map(|signed| signed.payload_hash);
        for (position, named) in std::iter::once((position, true)).chain(addons.into_iter().map(|addon| (addon, false)))
        {
            // A payload is the named ticket's alone.
            let hash = hash.as_ref().filter(|_| named);
            let of = (position.article(), Some(position.position_id), hash);
            let known = Known::read(tx, sought, &self.list, of)?;
            self.tickets.push(Ticket { position, named, known });
        }
        Ok(())
    }

    /// The tickets as the decision takes them.
    pub fn candidates(&self) -> Vec<Candidate<'_>> {
        self.tickets
            .iter()
            .map(|ticket| Candidate { position: &ticket.position, named: ticket.named, around: ticket.known.around() })
            .collect()
    }

    /// What the decision is about.
    pub fn subject<'a>(&'a self, candidates: &'a [Candidate<'a>]) -> Subject<'a> {
        match &self.signed {
            signed if !candidates.is_empty() => {
                Subject::Known { candidates, signed: signed.as_ref(), medium: self.medium.as_ref() }
            }
            Some(signed) => Subject::SignatureOnly { signed, void: self.void, around: self.alone.around() },
            None if self.dead_medium => Subject::MediumInvalid,
            None if self.unknown_key => Subject::UnknownKey,
            None => Subject::Unreadable,
        }
    }

    /// The medium that was scanned in place of a ticket.
    pub fn medium(&self) -> Option<&MediumRow> {
        self.medium.as_ref()
    }

    /// What is known around the ticket a verdict is about.
    pub fn known(&self, chosen: Option<usize>) -> &Known {
        chosen.map_or(&self.alone, |at| &self.tickets[at].known)
    }

    /// What a scan names: the position, and the signed payload where that is this very ticket's.
    pub fn name(&self, chosen: Option<usize>) -> (Option<PositionId>, Option<&[u8; 32]>) {
        let hash = self.signed.as_ref().map(|signed| &signed.payload_hash);
        match chosen {
            Some(at) => {
                let ticket = &self.tickets[at];
                (Some(ticket.position.position_id), hash.filter(|_| ticket.named))
            }
            None => (self.signed.as_ref().and_then(|signed| signed.position_id), hash),
        }
    }
}
