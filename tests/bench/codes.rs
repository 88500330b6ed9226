//! Codes verified per second and core, through the station's own reader: text in, claims out.

use crate::Figure;
use anyhow::ensure;
use ed25519_dalek::SigningKey;
use willcall_domain::{
    checkin::simulate::verify_typed,
    clock::{Clock, SystemClock},
    entropy::{OsEntropy, bytes},
    id::{EventId, ItemId, OrganizerId, PositionId},
    ticketing::{Claims, EventKey, Flags, KeyStatus, Verification, wc1},
};

const CODES: u64 = 50_000;

pub fn verified_per_second() -> anyhow::Result<Figure> {
    let clock = SystemClock::new();
    let key = SigningKey::from_bytes(&bytes::<32>(&OsEntropy));
    let keys = [EventKey {
        organizer_id: OrganizerId(1),
        event_id: EventId(1),
        number: 1,
        key: key.verifying_key(),
        status: KeyStatus::Active,
    }];
    let codes: Vec<String> = (0..CODES)
        .map(|n| {
            let claims = Claims {
                key_number: 1,
                position_id: PositionId::born(clock.now(), &OsEntropy),
                issue: 1,
                flags: Flags::default(),
                item_id: ItemId(i64::try_from(n % 9).unwrap_or(0) + 1),
                variation: 0,
                date: 0,
                valid_from: None,
                valid_until: None,
            };
            wc1::sign(&claims, OrganizerId(1), EventId(1), &key)
        })
        .collect::<Result<_, _>>()?;
    let cpu = thread_cpu_ms();
    let good = codes.iter().filter(|c| matches!(verify_typed(c, &keys), Verification::Good(_))).count() as u64;
    let spent = thread_cpu_ms() - cpu;
    ensure!(good == CODES, "{good} of {CODES} codes verified");
    Ok(Figure {
        what: "codes verified, one core",
        measured: format!("{:.0} /s", CODES as f64 * 1000.0 / spent),
        peer: "–",
        method: "wc1 text → claims, verify_strict, parsed keys; per CPU second of the thread".to_owned(),
        n: CODES,
    })
}

/// Processor time of this thread in milliseconds (resolution 10 ms).
pub fn thread_cpu_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap_or_default();
    let after = stat.rsplit(") ").next().unwrap_or_default();
    let ticks: u64 = after.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
    ticks as f64 * 10.0
}
