//! K18: two gates whose clocks are a day off, one ahead and one behind; then the event's key changes twice while they are
//! cut off, their clocks jump by another day, and their programs start anew. Throughout, valid tickets are let in and
//! expired and early ones refused by the server's time, and forged ones refused, every one. What a gate cannot know says
//! *sync needed*, not *forged*. The skew is shown at the gate and in the office. A key that is no secret any more lets in
//! only tickets that are known.

use crate::town::scaled;
use anyhow::{Context, ensure};
use ed25519_dalek::SigningKey;
use serde_json::json;
use std::{sync::Arc, time::Duration};
use willcall_domain::{
    checkin::{
        VerdictView,
        wire::{Class, Direction, Mark, Reason, ScanRequest},
    },
    clock::{Clock, ManualClock, SystemClock, UtcMillis},
    devices::Role,
    entropy::{self, OsEntropy, SeededEntropy},
    id::PositionId,
    ticketing::{Claims, Flags, wc1},
};
use willcall_server::ticketing::{self, CodeOf, change_over};
use willcall_station::Station;
use willcall_tests::{
    house::{House, Plan, open_station},
    record::Outcome,
};

const HOUR: i64 = 3_600_000;
const DAY: Duration = Duration::from_secs(86_400);

/// What should become of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Valid,
    Expired,
    Early,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Valid, Self::Expired, Self::Early];

    /// A clock a day off would take the valid for expired or early, and the others for valid.
    fn window(self, now: UtcMillis) -> (UtcMillis, UtcMillis) {
        let (from, until) = match self {
            Self::Valid => (-2, 2),
            Self::Expired => (-30, -2),
            Self::Early => (2, 30),
        };
        (UtcMillis(now.0 + from * HOUR), UtcMillis(now.0 + until * HOUR))
    }

    fn is_right(self, verdict: &VerdictView) -> bool {
        match self {
            Self::Valid => verdict.class == Class::Admitted && verdict.marks.contains(&Mark::SignatureOnly),
            Self::Expired | Self::Early => {
                (verdict.class, verdict.reason) == (Class::Refused, Some(Reason::InvalidTime))
            }
        }
    }
}

/// A gate, and the clock of its machine.
struct Gate {
    name: &'static str,
    clock: ManualClock,
    station: Option<Station>,
    /// After the station, which must be closed before its folder goes.
    folder: tempfile::TempDir,
}

impl Gate {
    async fn enrol(house: &House, name: &'static str, off: i64) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let clock = ManualClock::at(UtcMillis(SystemClock::new().now().0 + off));
        let station = open_station(folder.path(), Arc::new(clock.clone()))?;
        let token = house.invite(name, Role::Door).await?;
        station.enrol(&house.url(), &token).await.map_err(|e| anyhow::anyhow!("{e:?}"))?;
        let gate = Self { name, folder, clock, station: Some(station) };
        gate.sync().await?;
        Ok(gate)
    }

    fn station(&self) -> anyhow::Result<&Station> {
        self.station.as_ref().context("the gate is open")
    }

    async fn sync(&self) -> anyhow::Result<()> {
        let report = self.station()?.sync_once().await.map_err(|e| anyhow::anyhow!("{e:?}"))?;
        ensure!(report.caught_up && report.problems.is_empty(), "{}: {report:?}", self.name);
        Ok(())
    }

    async fn scan(&self, house: &House, code: &str) -> anyhow::Result<VerdictView> {
        let request = ScanRequest::new(code, house.list, Direction::Entry);
        self.station()?.scan(request).await.map_err(|e| anyhow::anyhow!("{e:?}"))
    }

    /// The program ends and starts again.
    fn start_again(&mut self) -> anyhow::Result<()> {
        drop(self.station.take());
        self.station = Some(open_station(self.folder.path(), Arc::new(self.clock.clone()))?);
        Ok(())
    }
}

/// What came of it.
#[derive(Debug, Default)]
struct Tally {
    right: usize,
    wrong: Vec<String>,
    forged: usize,
    forged_refused: usize,
    forged_otherwise: usize,
}

impl Tally {
    fn note(&mut self, is_right: bool, what: impl FnOnce() -> String) {
        if is_right {
            self.right += 1;
        } else {
            self.wrong.push(what());
        }
    }
}

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    let each = scaled(200, scale, 5) as usize;
    let forged = scaled(10_000, scale, 100) as usize;
    let house = House::build(Plan::default()).await?;
    let sold = house.buy().await?;
    house.number().await?;
    let ahead = Gate::enrol(&house, "Gate ahead", 24 * HOUR).await?;
    let behind = Gate::enrol(&house, "Gate behind", -24 * HOUR).await?;
    let mut gates = [ahead, behind];
    let mut tally = Tally::default();
    let first = signed(&house, each).await?;
    check(&house, &gates, &first, "the first key", &mut tally).await?;
    // From here on the gates are cut off: they are never told to sync.
    change(&house, false).await?;
    let second = signed(&house, each).await?;
    check(&house, &gates, &second, "a key that changed while it was cut off", &mut tally).await?;
    for gate in &gates {
        gate.clock.set(gate.clock.now() + DAY);
    }
    let again = signed(&house, each).await?;
    check(&house, &gates, &again, "a clock that jumped a day ahead", &mut tally).await?;
    for gate in &mut gates {
        gate.clock.set(gate.clock.now() - DAY);
        gate.start_again()?;
    }
    let again = signed(&house, each).await?;
    check(&house, &gates, &again, "a program that started again", &mut tally).await?;
    change(&house, false).await?;
    let third = signed(&house, each).await?;
    unknown(&house, &gates, &third, &mut tally).await?;
    forge(&house, &gates, &first, forged, &mut tally).await?;
    let shown = skew_is_shown(&house, &gates).await?;
    compromised(&house, &gates, &third, &sold.code, &mut tally).await?;
    let pass = tally.wrong.is_empty() && tally.forged_refused == tally.forged && tally.forged_otherwise == 0 && shown;
    Ok(Outcome {
        measured: json!({
            "tickets_judged_right": tally.right, "wrong": tally.wrong, "forged": tally.forged,
            "forged_refused": tally.forged_refused, "forged_called_otherwise": tally.forged_otherwise,
            "skew_shown": shown,
        }),
        bar: json!({ "wrong": [], "forged_refused": tally.forged, "skew_shown": true }),
        n: (tally.right + tally.wrong.len() + tally.forged) as u64,
        pass,
    })
}

async fn change(house: &House, compromised: bool) -> anyhow::Result<()> {
    let app = house.app()?;
    let mut tx = app.begin(house.organizer).await?;
    let changed = change_over::change_over(&mut tx, app, house.event, compromised).await;
    changed.map_err(|e| anyhow::anyhow!("{e:?}"))?;
    tx.commit().await?;
    house.number().await?;
    Ok(())
}

/// Tickets of each kind, signed by the key that signs now, for each of the two gates.
async fn signed(house: &House, each: usize) -> anyhow::Result<[Vec<(Kind, String)>; 2]> {
    let app = house.app()?;
    let mut tx = app.begin(house.organizer).await?;
    let signer = ticketing::signer(&mut tx, app, house.event).await.map_err(|e| anyhow::anyhow!("{e:?}"))?;
    tx.rollback().await?;
    let now = SystemClock::new().now();
    let batch = || -> anyhow::Result<Vec<(Kind, String)>> {
        let mut codes = Vec::with_capacity(each * Kind::ALL.len());
        for kind in Kind::ALL {
            let (from, until) = kind.window(now);
            for _ in 0..each {
                let of = CodeOf {
                    position_id: PositionId::born(now, &OsEntropy),
                    issue: 1,
                    article: house.adult.into(),
                    flags: Flags::default(),
                    valid_from: Some(from),
                    valid_until: Some(until),
                };
                codes.push((kind, signer.code(&of).context("the format says all of it")?));
            }
        }
        Ok(codes)
    };
    Ok([batch()?, batch()?])
}

async fn check(
    house: &House,
    gates: &[Gate; 2],
    codes: &[Vec<(Kind, String)>; 2],
    what: &str,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    for (gate, codes) in gates.iter().zip(codes) {
        for (kind, code) in codes {
            let verdict = gate.scan(house, code).await?;
            tally.note(kind.is_right(&verdict), || {
                format!("{}, {what}, {kind:?}: {:?} {:?}", gate.name, verdict.class, verdict.reason)
            });
        }
    }
    Ok(())
}

/// A key the gates have not heard of: nobody is let in, and nobody is called a forger.
async fn unknown(
    house: &House,
    gates: &[Gate; 2],
    codes: &[Vec<(Kind, String)>; 2],
    tally: &mut Tally,
) -> anyhow::Result<()> {
    for (gate, codes) in gates.iter().zip(codes) {
        for (kind, code) in codes {
            let verdict = gate.scan(house, code).await?;
            let says = (verdict.class, verdict.reason) == (Class::Refused, Some(Reason::UnknownKey));
            tally.note(says, || format!("{}, an unknown key, {kind:?}: {:?}", gate.name, verdict.reason));
        }
    }
    Ok(())
}

/// Codes that nobody issued, of every kind somebody might try.
async fn forge(
    house: &House,
    gates: &[Gate; 2],
    codes: &[Vec<(Kind, String)>; 2],
    count: usize,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let now = SystemClock::new().now();
    let (stranger, chance) = (SigningKey::from_bytes(&[9; 32]), SeededEntropy::new(18));
    let good: Vec<&str> = codes.iter().flatten().map(|(_, code)| code.as_str()).collect();
    for n in 0..count {
        let code = match n % 4 {
            // Changed at one place.
            0 => changed(good[n % good.len()], usize::from(entropy::bytes::<1>(&chance)[0])),
            // Signed by somebody else, under each number a gate knows.
            1 => wc1::sign(&claims(house, 1 + u8::try_from(n / 4 % 3)?, now), house.organizer, house.event, &stranger)?,
            // The content of one ticket under the signature of another.
            2 => {
                let (one, other) = (good[n % good.len()], good[(n + 1) % good.len()]);
                format!("{}{}", &one[..one.len() / 4], &other[other.len() / 4..])
            }
            // Cut off.
            _ => good[n % good.len()][..good[n % good.len()].len() - 1 - n % 40].to_owned(),
        };
        if good.contains(&code.as_str()) {
            continue;
        }
        let gate = &gates[n % 2];
        let verdict = gate.scan(house, &code).await?;
        tally.forged += 1;
        tally.forged_refused += usize::from(verdict.class == Class::Refused);
        // A changed key number may be one it has not heard of.
        let named = matches!(verdict.reason, Some(Reason::Invalid | Reason::UnknownKey));
        tally.forged_otherwise += usize::from(!named);
    }
    Ok(())
}

fn claims(house: &House, key_number: u8, now: UtcMillis) -> Claims {
    Claims {
        key_number,
        position_id: PositionId::born(now, &OsEntropy),
        issue: 1,
        flags: Flags::default(),
        item_id: house.adult,
        variation: 0,
        date: 0,
        valid_from: None,
        valid_until: None,
    }
}

/// Another character of the alphabet at one place.
fn changed(code: &str, at: usize) -> String {
    let at = at % code.len();
    let other = if code.as_bytes()[at] == b'7' { '8' } else { '7' };
    code.char_indices().map(|(n, c)| if n == at { other } else { c }).collect()
}

/// At the gate, on the devices' page and as a case.
async fn skew_is_shown(house: &House, gates: &[Gate; 2]) -> anyhow::Result<bool> {
    let mut shown = true;
    for gate in gates {
        let status = gate.station()?.status().await.map_err(|e| anyhow::anyhow!("{e:?}"))?;
        shown &= status.clock_far_off && status.clock_offset_ms.is_some_and(|ms| (ms.abs() - 24 * HOUR).abs() < HOUR);
    }
    let told = "SELECT count(*) FROM device WHERE abs(abs(clock_ahead_ms) - 86400000) < 3600000";
    let cases = "SELECT count(*) FROM station_case WHERE kind = 'clock_skew' AND closed_at IS NULL";
    Ok(shown && house.number_of(told).await? == 2 && house.number_of(cases).await? == 2)
}

/// The gates sync again. Then the key that signs is told to be no secret any more: its tickets are looked at, unless they
/// are known.
async fn compromised(
    house: &House,
    gates: &[Gate; 2],
    codes: &[Vec<(Kind, String)>; 2],
    known: &str,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    for gate in gates {
        gate.sync().await?;
    }
    let half = |from: usize| {
        codes.clone().map(|codes| codes.into_iter().skip(from).step_by(2).collect::<Vec<(Kind, String)>>())
    };
    check(house, gates, &half(0), "a key it had not heard of, once it has", tally).await?;
    let app = house.app()?;
    let mut tx = app.begin(house.organizer).await?;
    let set = change_over::set_compromised(&mut tx, house.event, 1).await;
    set.map_err(|e| anyhow::anyhow!("{e:?}"))?;
    tx.commit().await?;
    change(house, true).await?;
    for gate in gates {
        gate.sync().await?;
    }
    for (gate, codes) in gates.iter().zip(&half(1)) {
        for (kind, code) in codes {
            let verdict = gate.scan(house, code).await?;
            let looked = verdict.class == Class::Look && verdict.marks.contains(&Mark::LookAtId);
            let right = if *kind == Kind::Valid { looked } else { kind.is_right(&verdict) };
            tally.note(right, || format!("{}, a key that is no secret, {kind:?}: {:?}", gate.name, verdict.class));
        }
    }
    let verdict = gates[0].scan(house, known).await?;
    tally.note(verdict.class == Class::Admitted, || format!("a known ticket of a key that is no secret: {verdict:?}"));
    Ok(())
}
