//! Hand-overs that are what they say, and every way in which one is not.

use super::*;
use crate::{
    clock::UtcMillis,
    devices::{
        Role,
        certificate::{CertificateBody, certified_keys, sign_certificate},
    },
    id::{EntryId, EventId, HandOverId, ItemId, OrganizerId, PositionId, QuotaId, RequestId},
    leases::{GrantBody, HeldLease, Units, sign_grant},
    sync::{Draft, KeyHistory, journal::FIRST},
    ticketing::{KeyStatus, wc1},
};
use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use uuid::Uuid;

const A: DeviceId = DeviceId(1);
const B: DeviceId = DeviceId(2);
const C: DeviceId = DeviceId(3);
const ITEM: ItemId = ItemId(5);
const EVENT: EventId = EventId(6);
const ORGANIZER: OrganizerId = OrganizerId(7);

fn key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

fn server() -> SigningKey {
    key(100)
}

fn device_key(device: DeviceId) -> SigningKey {
    key(u8::try_from(device.0).unwrap())
}

fn certificate(device: DeviceId, by: &SigningKey) -> DeviceCertificate {
    let body = CertificateBody {
        organizer_id: ORGANIZER,
        device_id: device,
        name: format!("Till {device}"),
        role: Role::Till,
        keys: certified_keys(&KeyHistory::of(device_key(device).verifying_key())),
    };
    sign_certificate(&body, by).unwrap()
}

fn base() -> PositionId {
    PositionId(Uuid::from_u128(9 << 64))
}

fn grant(units: u32, to: DeviceId) -> GrantBody {
    GrantBody {
        lease_id: LeaseId(Uuid::from_u128(1)),
        request_id: RequestId(Uuid::from_u128(2)),
        organizer_id: ORGANIZER,
        event_id: EVENT,
        quota_id: QuotaId(4),
        station: to,
        units,
        blanks: vec![BlankRange { article: ITEM.into(), base: base(), count: blank::count_for(units) }],
        granted_at: UtcMillis(0),
    }
}

fn origin(body: &GrantBody) -> Origin {
    let signed = sign_grant(body, vec![], &server()).unwrap();
    Origin::Grant { body: signed.body, signature: signed.signature }
}

fn entry(from: DeviceId, fact: Fact) -> String {
    let draft = Draft {
        station: from,
        incarnation: 1,
        seq: 9,
        id: EntryId(Uuid::from_u128(77)),
        at: At { wall: UtcMillis(50), offset_ms: 5, uncertainty_ms: 1, boot: Uuid::nil(), monotonic_ms: 1 },
        saw: vec![],
        fact,
        private: None,
    };
    serde_json::to_string(&draft.seal(&FIRST, &device_key(from)).unwrap()).unwrap()
}

fn flight(n: u128) -> HandOverId {
    HandOverId(Uuid::from_u128(n))
}

/// A gives four of ten to B.
fn from_a() -> (Proof, HandOut) {
    let out = HeldLease::granted(&grant(10, A)).offer(A, B, flight(20), 4).unwrap();
    let proof =
        Proof { given: entry(A, out.fact()), certificate: certificate(A, &server()), origin: origin(&grant(10, A)) };
    (proof, out)
}

/// B hands two of them on to C.
fn from_b() -> (Proof, HandOut) {
    let (first, out) = from_a();
    let mut held = HeldLease::taken(&out);
    held.confirm();
    let on = held.offer(B, C, flight(21), 2).unwrap();
    let origin = Origin::HandOver { proof: Box::new(first) };
    (Proof { given: entry(B, on.fact()), certificate: certificate(B, &server()), origin }, on)
}

fn checked(proof: &Proof) -> Result<HandOut, NotPassed> {
    check_proof(proof, &server().verifying_key()).map(|passed| passed.out)
}

#[test]
fn units_of_a_grant_and_units_handed_on_are_proven_by_the_servers_key_alone() {
    let (proof, out) = from_a();
    let passed = check_proof(&proof, &server().verifying_key()).unwrap();
    assert_eq!((passed.from, passed.from_name.as_str(), passed.at.wall), (A, "Till 1", UtcMillis(50)));
    assert_eq!(passed.out, out);
    let (proof, on) = from_b();
    assert_eq!(checked(&proof), Ok(on));
}

#[test]
fn what_was_not_signed_or_not_lent_is_not_taken() {
    let (good, out) = from_a();
    let forged = |change: fn(&mut HandOut)| {
        let mut out = out.clone();
        change(&mut out);
        Proof { given: entry(A, out.fact()), ..good.clone() }
    };
    let cases: Vec<(Proof, NotPassed)> = vec![
        (Proof { certificate: certificate(A, &key(9)), ..good.clone() }, NotPassed::Certificate),
        (Proof { certificate: certificate(B, &server()), ..good.clone() }, NotPassed::Forged),
        (Proof { given: good.given.replace("\"wall\":50", "\"wall\":51"), ..good.clone() }, NotPassed::Forged),
        (Proof { given: good.given[..good.given.len() / 2].to_owned(), ..good.clone() }, NotPassed::Forged),
        (Proof { given: entry(A, Fact::Opened { software: "x".into() }), ..good.clone() }, NotPassed::Forged),
        (forged(|o| o.units = UnitRange { from: 6, until: 6 }), NotPassed::Forged),
        (forged(|o| o.units = UnitRange { from: 6, until: 11 }), NotPassed::NotLent),
        (forged(|o| o.lease_id = LeaseId(Uuid::from_u128(8))), NotPassed::NotLent),
        (forged(|o| o.quota_id = QuotaId(8)), NotPassed::NotLent),
        (forged(|o| o.event_id = EventId(8)), NotPassed::NotLent),
        (forged(|o| o.blanks[0].count += 1), NotPassed::NotLent),
        (forged(|o| o.blanks[0].article = ItemId(8).into()), NotPassed::NotLent),
        (forged(|o| o.blanks[0].base = PositionId(Uuid::from_u128(8 << 64))), NotPassed::NotLent),
        (Proof { origin: origin(&grant(10, C)), ..good.clone() }, NotPassed::NotLent),
        (Proof { origin: origin(&grant(9, A)), ..good.clone() }, NotPassed::NotLent),
    ];
    for (nth, (proof, why)) in cases.into_iter().enumerate() {
        assert_eq!(checked(&proof), Err(why), "case {nth}");
    }
}

#[test]
fn a_chain_breaks_where_a_link_is_not_the_next_ones() {
    let (first, _) = from_a();
    let (good, on) = from_b();
    let more = HandOut { units: UnitRange { from: 0, until: 5 }, ..on.clone() };
    assert_eq!(checked(&Proof { given: entry(B, more.fact()), ..good.clone() }), Err(NotPassed::NotLent));
    let stolen = Proof {
        given: entry(C, on.fact()),
        certificate: certificate(C, &server()),
        origin: Origin::HandOver { proof: Box::new(first) },
    };
    assert_eq!(checked(&stolen), Err(NotPassed::NotLent), "the units were for B");
    let mut long = from_a().0;
    for _ in 0..=MOST_LINKS {
        long = Proof { origin: Origin::HandOver { proof: Box::new(long) }, ..from_b().0 };
    }
    assert_eq!(checked(&long), Err(NotPassed::NotLent));
}

#[test]
fn what_was_given_after_a_moment_is_known_only_where_clocks_leave_no_doubt() {
    let passed = check_proof(&from_a().0, &server().verifying_key()).unwrap();
    let moment =
        |wall: i64, uncertainty_ms: i64| At { wall: UtcMillis(wall), uncertainty_ms, offset_ms: 0, ..passed.at };
    for (wall, uncertainty, after) in [(52, 1, true), (53, 1, false), (54, 0, false), (10, 44, false), (10, -1, false)]
    {
        assert_eq!(passed.is_surely_after(&moment(wall, uncertainty)), after, "{wall} ± {uncertainty}");
    }
}

fn codes(out: &HandOut) -> Vec<BlankCodes> {
    let code = |n: u32| {
        let claims = wc1::Claims {
            key_number: 1,
            position_id: blank::position(base(), n),
            issue: blank::ISSUE,
            flags: ticketing::Flags::default(),
            item_id: ITEM,
            variation: 0,
            date: 0,
            valid_from: None,
            valid_until: None,
        };
        wc1::sign(&claims, ORGANIZER, EVENT, &key(50)).unwrap()
    };
    let of_range = |range: &BlankRange| BlankCodes {
        article: range.article,
        codes: Units::from(range.numbers()).iter().map(code).collect(),
    };
    out.blanks.iter().map(of_range).collect()
}

#[test]
fn every_blank_comes_with_its_own_code_signed_by_the_event() {
    let out = from_a().1;
    let keys = [EventKey {
        organizer_id: ORGANIZER,
        event_id: EVENT,
        number: 1,
        key: key(50).verifying_key(),
        status: KeyStatus::Active,
    }];
    let good = codes(&out);
    assert_eq!(check_codes(&out, &good, &keys), Ok(()));
    let mut fewer = good.clone();
    fewer[0].codes.pop();
    let mut swapped = good.clone();
    swapped[0].codes.swap(0, 1);
    let mut invented = good.clone();
    invented[0].codes[0] = "TICKET".into();
    for (nth, wrong) in [fewer, swapped, invented, vec![]].iter().enumerate() {
        assert_eq!(check_codes(&out, wrong, &keys), Err(NotPassed::Codes), "case {nth}");
    }
    assert_eq!(check_codes(&out, &good, &[]), Err(NotPassed::NoKey));
}

proptest! {
    #[test]
    fn a_file_that_was_cut_off_or_changed_anywhere_never_moves_other_units(at in any::<prop::sample::Index>(), byte in 0x20u8..0x7f) {
        let (proof, out) = from_b();
        let text = serde_json::to_string(&proof).unwrap();
        let at = at.index(text.len());
        prop_assert!(serde_json::from_str::<Proof>(&text[..at]).is_err(), "a part of it is no file");
        let mut bytes = text.into_bytes();
        bytes[at] = byte;
        if let Ok(changed) = serde_json::from_slice::<Proof>(&bytes)
            && let Ok(passed) = check_proof(&changed, &server().verifying_key())
        {
            prop_assert_eq!(passed.out, out);
        }
    }
}
