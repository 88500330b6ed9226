//! Takes entries of one incarnation in: each is checked, judged, kept as it came and applied by itself. A bad one never
//! blocks the next; sent again, it answers what it answered before. The rules stand in [`willcall_domain::sync::intake`].

mod check;
mod page;

pub(super) use check::{Checked, check_all};
pub(super) use page::{Claim, read, read_one};

use super::{
    apply::{self, Fresh},
    cases::{self, Moot, NewCase},
    store::{
        aside::{self, Aside},
        incarnation::{self, Run},
        journal::{self, NewEntry, Stored, Waiting, Which},
    },
};
use crate::{
    app::{App, Tx},
    checkin,
    http::{Failure, caller::DeviceCaller},
    metrics::EntryOutcome,
};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use willcall_domain::{
    clock::UtcMillis,
    id::{CaseId, DeviceId},
    problem::{Code, Problem},
    sync::{
        CaseKind, Entry, Fact, Outcome,
        homecoming::homecoming,
        intake::{Hash, Judgement, Known, Link, Standing},
        journal::bytes32,
    },
};

/// Most bytes and entries that one carrier may have set aside at a time.
const ASIDE_MAX: i64 = 2_000;
/// How much of a reason tells one case of damaged entries from another, in letters.
const ABOUT_MAX: usize = 200;

/// What became of the entries of one incarnation, by number.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub outcomes: Vec<(u64, Outcome)>,
    /// Nothing is missing up to here.
    pub run: u64,
}

/// Takes the entries of one incarnation of one station, whoever carries them.
///
/// # Errors
/// When a carrier brings more than can be set aside, or the database is away.
pub(super) async fn take(
    app: &App,
    tx: &mut Tx,
    carrier: DeviceId,
    claim: Claim,
    checked: Vec<Checked>,
) -> Result<Taken, Failure> {
    let mut taken = Taken::default();
    let Some((author, revoked_at)) = DeviceCaller::author(tx, claim.station).await? else {
        set_aside_all(tx, carrier, claim, &checked, &mut taken.outcomes).await?;
        return Ok(taken);
    };
    incarnation::lock_device(tx, claim.station).await?;
    let (sound, unsound): (Vec<Checked>, Vec<Checked>) = checked.into_iter().partition(|c| c.sound.is_ok());
    set_aside_all(tx, carrier, claim, &unsound, &mut taken.outcomes).await?;
    let mut sound: Vec<(Link, Entry)> = sound.into_iter().filter_map(|c| Some((c.sound.ok()?, c.entry?))).collect();
    sound.sort_by_key(|(link, _)| link.seq);
    let account = incarnation::run(tx, claim.station, claim.incarnation).await?;
    let offered: Vec<Link> = sound.iter().map(|(link, _)| *link).collect();
    let (known, stored) = known(tx, claim, account, revoked_at, &offered).await?;
    let group = Group { app, author: &author, claim, account, revoked: revoked_at.is_some() };
    taken.outcomes.extend(group.take(tx, &sound, known, &stored, &mut taken.run).await?);
    Ok(taken)
}

/// What is known of this incarnation, as far as these entries can touch it.
async fn known(
    tx: &mut Tx,
    claim: Claim,
    account: Run,
    revoked_at: Option<UtcMillis>,
    offered: &[Link],
) -> Result<(Known, HashMap<Hash, Outcome>), Failure> {
    let Claim { station, incarnation } = claim;
    let seqs: BTreeSet<i64> =
        offered.iter().flat_map(|l| [l.seq - 1, l.seq, l.seq + 1]).map(u64::cast_signed).collect();
    let seqs: Vec<i64> = seqs.into_iter().collect();
    let mut stored: Vec<Stored> = journal::stored_of(tx, station, incarnation, &seqs).await?;
    if account.highest > account.run {
        stored.extend(journal::stored_above(tx, station, incarnation, account.run).await?);
    }
    if revoked_at.is_some()
        && let Some(first) = journal::first_waiting(tx, station, incarnation).await?
    {
        // All that may lead from the limit down to what waits.
        stored.extend(journal::stored_above(tx, station, incarnation, first.saturating_sub(1)).await?);
    }
    let mut known = Known::of(account.run, account.highest, account.closed);
    for seq in aside::numbers(tx, station, incarnation, account.run).await? {
        known.set_aside(seq);
    }
    stored.iter().for_each(|s| known.learn(s.link));
    if revoked_at.is_some() {
        known.revoke(account.limit.map_or(Standing::Revoked, Standing::RevokedAt), offered.iter().copied());
    }
    Ok((known, stored.into_iter().map(|s| (s.link.hash, s.outcome)).collect()))
}

/// Entries of one incarnation on their way in.
struct Group<'a> {
    app: &'a App,
    author: &'a DeviceCaller,
    claim: Claim,
    account: Run,
    revoked: bool,
}

impl Group<'_> {
    async fn take(
        &self,
        tx: &mut Tx,
        sound: &[(Link, Entry)],
        mut known: Known,
        stored: &HashMap<Hash, Outcome>,
        run: &mut u64,
    ) -> Result<Vec<(u64, Outcome)>, Failure> {
        let mut outcomes = Vec::with_capacity(sound.len());
        let mut fresh: Vec<Fresh<'_>> = Vec::new();
        let mut kept: Vec<NewEntry<'_>> = Vec::new();
        let mut split: Option<u64> = None;
        for (link, entry) in sound {
            let judged = known.judge(link);
            let within = match judged {
                Judgement::Same => {
                    // Twice in one page: answered with the first.
                    outcomes.extend(stored.get(&link.hash).map(|outcome| (link.seq, *outcome)));
                    continue;
                }
                Judgement::AfterRevocation | Judgement::AfterClosed => {
                    let outcome = Outcome::Parked { case_id: self.late(tx, judged).await? };
                    outcomes.push((link.seq, outcome));
                    kept.push(NewEntry { entry, about: entry.fact().and_then(|f| f.order()), outcome });
                    known.learn(*link);
                    continue;
                }
                Judgement::New => None,
                Judgement::Gap { from } => Some(self.gap(tx, from, link.seq).await?),
                Judgement::Fork { other } => {
                    let from = known.split_at(link);
                    split = Some(split.map_or(from, |split| split.min(from)));
                    Some(self.fork(tx, link, entry, other).await?)
                }
            };
            known.learn(*link);
            let fact = entry.fact();
            if matches!(fact, Some(Fact::Closed { .. })) {
                known.close(link.seq);
            }
            fresh.push(Fresh { entry, fact, within });
        }
        // Before its scans are judged: the first entry of a second branch tells of the split already.
        let Claim { station, incarnation } = self.claim;
        let earlier = match split {
            Some(seq) => incarnation::note_split(tx, station, incarnation, seq).await?.then_some(seq),
            None => None,
        };
        let applied = apply::all(self.app, tx, self.author, &fresh).await?;
        if let Some(seq) = earlier {
            checkin::forked(tx, station, incarnation, seq).await?;
        }
        for (fresh, outcome) in fresh.iter().zip(applied) {
            outcomes.push((fresh.entry.seq, outcome));
            let about = fresh.fact.as_ref().and_then(Fact::order);
            kept.push(NewEntry { entry: fresh.entry, about, outcome });
        }
        journal::insert_entries(tx, &kept).await?;
        self.count(&kept);
        *run = known.run();
        if !kept.is_empty() {
            incarnation::set_run(tx, self.claim.station, self.claim.incarnation, known.run(), known.highest()).await?;
            self.settle(tx, &kept, &known).await?;
        }
        Ok(outcomes)
    }

    /// What became moot by these entries.
    async fn settle(&self, tx: &mut Tx, kept: &[NewEntry<'_>], known: &Known) -> Result<(), Failure> {
        let Claim { station, incarnation } = self.claim;
        let seqs: Vec<i64> = kept.iter().map(|k| k.entry.seq.cast_signed()).collect();
        for case in aside::settle_numbers(tx, station, incarnation, &seqs).await?.into_iter().collect::<BTreeSet<_>>() {
            cases::close_if_done(tx, case, Moot::CameWhole).await?;
        }
        if self.account.highest > self.account.run {
            cases::close_filled(tx, station, incarnation, known.run()).await?;
            if known.run() > self.account.run {
                self.filled(tx).await?;
            }
        }
        if self.revoked {
            self.vouched(tx, known).await?;
            self.come_home(tx, known).await?;
        }
        Ok(())
    }

    /// What stood behind a hole may have waited for what was in it.
    async fn filled(&self, tx: &mut Tx) -> Result<(), Failure> {
        let Claim { station, incarnation } = self.claim;
        let waiting = journal::waiting(tx, Which::Behind(station, incarnation, self.account.run)).await?;
        let of: BTreeSet<CaseId> = waiting.iter().map(|w| w.case_id).collect();
        cases::again(self.app, tx, waiting).await?;
        for case in of {
            cases::close_if_done(tx, case, Moot::Applied).await?;
        }
        Ok(())
    }

    /// Entries that waited because nobody vouched that they were written before the device was switched off, and for
    /// which a later one vouches now.
    async fn vouched(&self, tx: &mut Tx, known: &Known) -> Result<(), Failure> {
        let about = self.claim.about();
        let Some(case) = cases::open_about(tx, CaseKind::AfterRevocation, &about).await? else { return Ok(()) };
        let waiting = journal::waiting(tx, Which::OfCase(case)).await?;
        let vouched: Vec<Waiting> = waiting.into_iter().filter(|w| known.is_vouched(&w.entry.hash)).collect();
        if vouched.is_empty() {
            return Ok(());
        }
        cases::again(self.app, tx, vouched).await?;
        cases::close_if_done(tx, case, Moot::Applied).await?;
        Ok(())
    }

    /// What a station gave back before it was enrolled anew, after it had been switched off here, where its journal hangs
    /// together from what was known then to its end.
    async fn come_home(&self, tx: &mut Tx, known: &Known) -> Result<(), Failure> {
        let about = self.claim.about();
        let limit = self.account.limit;
        if limit.is_some_and(|limit| known.run() < limit.seq) {
            return Ok(());
        }
        let Some(case) = cases::open_about(tx, CaseKind::AfterRevocation, &about).await? else { return Ok(()) };
        let waiting = journal::waiting(tx, Which::OfCase(case)).await?;
        let link = |entry: &Entry| {
            Some(Link { seq: entry.seq, hash: bytes32(&entry.hash)?, prev: bytes32(&entry.prev_hash)? })
        };
        let facts: Vec<(Link, Option<Fact>)> =
            waiting.iter().filter_map(|w| Some((link(&w.entry)?, w.entry.fact()))).collect();
        let home = homecoming(limit, facts.iter().map(|(link, fact)| (*link, fact.as_ref())));
        if home.is_empty() || facts.len() < waiting.len() {
            return Ok(());
        }
        let home: BTreeSet<String> = home.iter().map(hex::encode).collect();
        let (home, rest): (Vec<Waiting>, Vec<Waiting>) =
            waiting.into_iter().partition(|w| home.contains(&w.entry.hash));
        tracing::info!(
            device = self.claim.station.0,
            applied = home.len(),
            waiting = rest.len(),
            "a station that was switched off gave back what it held"
        );
        cases::again(self.app, tx, home).await?;
        cases::close_if_done(tx, case, Moot::Applied).await?;
        Ok(())
    }

    fn count(&self, kept: &[NewEntry<'_>]) {
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for entry in kept {
            let (outcome, word) = match entry.outcome {
                Outcome::Applied => (EntryOutcome::Applied, "applied"),
                Outcome::AppliedWithCase { .. } => (EntryOutcome::AppliedWithCase, "with_case"),
                Outcome::Parked { .. } => (EntryOutcome::Parked, "parked"),
            };
            self.app.metrics.journal_entry(outcome);
            *counts.entry(word).or_default() += 1;
        }
        if let Some(first) = kept.first() {
            let (device, incarnation) = (self.claim.station.0, self.claim.incarnation);
            tracing::info!(device, incarnation, from = first.entry.seq, ?counts, "journal entries");
        }
    }

    fn case(&self, kind: CaseKind, detail: serde_json::Value) -> NewCase {
        NewCase { device: self.claim.station, event: None, kind, detail }
    }

    async fn late(&self, tx: &mut Tx, judged: Judgement) -> Result<CaseId, Failure> {
        let closed = judged == Judgement::AfterClosed;
        let kind = if closed { CaseKind::AfterClosed } else { CaseKind::AfterRevocation };
        let last = if closed { self.account.closed } else { self.account.limit.map(|l| l.seq) };
        let detail = json!({ "incarnation": self.claim.incarnation, "last": last });
        Ok(cases::open_once(tx, &self.claim.about(), &self.case(kind, detail)).await?.0)
    }

    async fn gap(&self, tx: &mut Tx, from: u64, seq: u64) -> Result<CaseId, Failure> {
        let about = format!("{}/{from}", self.claim.about());
        let detail = json!({ "incarnation": self.claim.incarnation, "from": from, "until": seq - 1 });
        Ok(cases::open_once(tx, &about, &self.case(CaseKind::Gap, detail)).await?.0)
    }

    /// Both branches are kept; the device gets no units until a person has looked. One case names both.
    async fn fork(&self, tx: &mut Tx, link: &Link, entry: &Entry, other: Hash) -> Result<CaseId, Failure> {
        let detail = json!({
            "incarnation": self.claim.incarnation, "seq": link.seq, "entry": entry.id,
            "branches": [hex::encode(other), entry.hash],
        });
        let (case, new) = cases::open_once(tx, &self.claim.about(), &self.case(CaseKind::Fork, detail)).await?;
        if new {
            incarnation::suspend(tx, self.claim.station).await?;
            super::note(tx, super::Subject::Device(self.claim.station)).await?;
        }
        Ok(case)
    }
}

/// Whether an entry that came inside another is whole and signed by the station it names.
///
/// # Errors
/// When the database is away.
pub async fn is_signed(tx: &mut Tx, entry: &Entry) -> Result<bool, Failure> {
    let keys = incarnation::keys(tx, entry.station).await?;
    Ok(keys.is_some_and(|keys| entry.verify(keys.at(entry.incarnation, entry.seq)).is_ok()))
}

/// Sets aside what is no entry of the station it names: kept as it came, counted, visible, and answered as parked.
async fn set_aside_all(
    tx: &mut Tx,
    carrier: DeviceId,
    claim: Claim,
    checked: &[Checked],
    outcomes: &mut Vec<(u64, Outcome)>,
) -> Result<(), Failure> {
    for one in checked {
        let why = one.sound.as_ref().err().map_or("its station is not known here", String::as_str);
        let case_id = set_aside(tx, carrier, claim, one, why).await?;
        outcomes.push((one.seq, Outcome::Parked { case_id }));
    }
    Ok(())
}

async fn set_aside(tx: &mut Tx, carrier: DeviceId, claim: Claim, one: &Checked, why: &str) -> Result<CaseId, Failure> {
    let raw = one.raw.get().as_bytes();
    let digest: [u8; 32] = Sha256::digest(raw).into();
    if let Some(case) = aside::known(tx, &digest).await? {
        return Ok(case);
    }
    if aside::count(tx, carrier).await? >= ASIDE_MAX {
        let problem = Problem::new(Code::TooManyRequests, "Too many damaged entries wait for a person already.");
        return Err(Failure::retry_after(problem, 300));
    }
    tracing::warn!(carrier = carrier.0, device = claim.station.0, seq = one.seq, why, "journal entry set aside");
    let detail = json!({
        "station": claim.station, "incarnation": claim.incarnation, "seq": one.seq, "why": why, "carrier": carrier,
    });
    let new = NewCase { device: carrier, event: None, kind: CaseKind::BadEntry, detail };
    let Claim { station, incarnation } = claim;
    // A journal that is all of another house is one thing to look at, not a thousand: one case for each kind of reason,
    // whichever numbers it names.
    let kind: String = why.chars().filter(|c| !c.is_ascii_digit()).collect();
    let about: String = format!("{carrier} {station}/{incarnation} {kind}").chars().take(ABOUT_MAX).collect();
    let (case_id, _) = cases::open_once(tx, &about, &new).await?;
    let row = Aside { digest, carrier, station, incarnation, seq: one.seq, why, raw, case_id };
    aside::insert(tx, &row).await?;
    Ok(case_id)
}

/// Takes in what was set aside before, if it can be by now; else why not.
pub(super) async fn take_aside(
    app: &App,
    tx: &mut Tx,
    carrier: DeviceId,
    raw: &[u8],
) -> Result<Result<(), String>, Failure> {
    let Some((claim, one)) = page::read_one(raw) else { return Ok(Err("it cannot be read".to_owned())) };
    let keys = incarnation::keys(tx, claim.station).await?;
    let mut checked = check_all(vec![one], keys).await?;
    let Some(one) = checked.pop() else { return Ok(Ok(())) };
    if let Err(why) = &one.sound {
        return Ok(Err(why.clone()));
    }
    Box::pin(take(app, tx, carrier, claim, vec![one])).await?;
    Ok(Ok(()))
}
