//! Codes verified per second and core, through the station's own reader: text in, claims out.

use crate::Figure;
use anyhow::ensure;
use ed25519_dalek::SigningKey;
use serde_json::json;
use std::time::Duration;
use willcall_domain::{
    checkin::simulate::verify_typed,
    clock::{Clock, SystemClock},
    entropy::{OsEntropy, bytes},
    id::{EventId, ItemId, OrganizerId, PositionId},
    ticketing::{Claims, EventKey, Flags, KeyStatus, Verification, wc1},
};

const CODES: u64 = 50_000;

pub fn verified_per_second() -> anyhow::Result<Vec<Figure>> {
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
    let begun = thread_cpu()?;
    let good = codes.iter().filter(|c| matches!(verify_typed(c, &keys), Verification::Good(_))).count() as u64;
    let spent = thread_cpu()? - begun;
    ensure!(good == CODES, "{good} of {CODES} codes verified");
    let rate = CODES as f64 / spent.as_secs_f64();
    Ok(vec![Figure {
        what: "codes verified, one core",
        measured: format!("{rate:.0} /s"),
        values: json!({ "per_cpu_s": rate }),
        peer: "–",
        method: "wc1 text → claims, verify_strict, parsed keys; per CPU second of the thread".to_owned(),
        n: CODES,
    }])
}

/// Processor time of this thread so far.
///
/// # Errors
/// When the system does not say.
pub fn thread_cpu() -> anyhow::Result<Duration> {
    Ok(nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}
