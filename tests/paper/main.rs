//! Paper as a printer and a scanner see it: PDFs are drawn by poppler, codes are read back out of the picture by two
//! decoders and checked against the key, words are copied out of the file. What stands where is tested beside the
//! layout in `domain/src/paper`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use ed25519_dalek::SigningKey;
use image::GrayImage;
use std::{path::Path, process::Command};
use uuid::Uuid;
use willcall_domain::{
    clock::UtcMillis,
    id::{EventId, ItemId, OrganizerId, PositionId},
    money::{Currency, Money},
    paper::{Accent, Fonts, Language, ReceiptLine, ReceiptPaper, TicketPaper, receipt_pdf, ticket_pdf},
    ticketing::{Claims, EventKey, Flags, KeyStatus, Verification, read, sig1, verify, wc1},
};
use willcall_tests::picture;

const ORGANIZER: OrganizerId = OrganizerId(1);
const EVENT: EventId = EventId(2);
const ITEM: ItemId = ItemId(7);

fn at(text: &str) -> UtcMillis {
    UtcMillis::parse(text).unwrap()
}

fn signing_key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn event_key() -> EventKey {
    let key = signing_key().verifying_key();
    EventKey { organizer_id: ORGANIZER, event_id: EVENT, number: 1, key, status: KeyStatus::Active }
}

fn position(nth: u128) -> PositionId {
    PositionId(Uuid::from_u128(0x0192_aaaa_bbbb_7ccc_8ddd_eeee_ffff_0000 + nth))
}

fn wc1_code(nth: u128) -> String {
    let claims = Claims {
        key_number: 1,
        position_id: position(nth),
        issue: 0,
        flags: Flags::default(),
        item_id: ITEM,
        variation: 0,
        date: 0,
        valid_from: None,
        valid_until: None,
    };
    wc1::sign(&claims, ORGANIZER, EVENT, &signing_key()).unwrap()
}

fn sig1_code() -> String {
    let seed = sig1::seed(position(1), 0);
    let claims = sig1::Sig1Claims { seed, item_id: ITEM, variation: 3, date: 0, valid_from: None, valid_until: None };
    sig1::sign(&claims, &signing_key())
}

fn ticket(code: String) -> TicketPaper {
    TicketPaper {
        organizer_name: "Speicher Nord e. V.".into(),
        accent: Accent::HOUSE,
        event_name: "Winternacht der Klänge".into(),
        zone: "Europe/Berlin".into(),
        starts_at: at("2025-12-12T19:00:00Z"),
        ends_at: None,
        admission_at: Some(at("2025-12-12T18:00:00Z")),
        location: "Speicher Nord, Hafenstraße 4, 20457 Hamburg".into(),
        product_name: "Stehplatz, ermäßigt".into(),
        attendee_name: Some("Zoë Müller".into()),
        seat: None,
        order_code: "K7M3Q".into(),
        price: Money::new(2400, Currency::EUR),
        tax_rate_bp: 700,
        code,
        test: false,
        copy: 1,
        seller: "Speicher Nord e. V., Hafenstraße 4, 20457 Hamburg".into(),
        issued_at: at("2025-11-01T10:00:00Z"),
    }
}

/// Runs one of poppler's programs; a machine without them cannot say whether paper is right, so the test fails there.
fn poppler(program: &str, arguments: &[&str]) -> Vec<u8> {
    let run = Command::new(program).args(arguments).output();
    let output = run.unwrap_or_else(|e| panic!("{program} (package poppler-utils) does not start: {e}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The pages of `pdf` as pictures.
fn pictures(pdf: &[u8], dpi: u32) -> Vec<GrayImage> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("paper.pdf");
    std::fs::write(&file, pdf).unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let dpi = dpi.to_string();
    poppler("pdftoppm", &["-r", &dpi, "-gray", "-png", &text(&file), &text(&folder.path().join("page"))]);
    let mut pages: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.retain(|path| path.extension().is_some_and(|end| end == "png"));
    pages.sort();
    pages.iter().map(|path| image::open(path).unwrap().to_luma8()).collect()
}

fn words(pdf: &[u8]) -> String {
    picture::words(pdf).unwrap()
}

fn by_rxing(picture: &GrayImage) -> String {
    let (width, height) = picture.dimensions();
    let luma = picture.as_raw().clone();
    let found = rxing::helpers::detect_in_luma(luma, width, height, Some(rxing::BarcodeFormat::QR_CODE));
    found.expect("rxing reads the code").getText().to_owned()
}

fn by_rqrr(picture: &GrayImage) -> String {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let pixel = |x: usize, y: usize| picture.as_raw()[y * width + x];
    let mut prepared = rqrr::PreparedImage::prepare_from_greyscale(width, height, pixel);
    let grids = prepared.detect_grids();
    assert_eq!(grids.len(), 1, "rqrr sees one code");
    grids[0].decode().expect("rqrr reads the code").1
}

#[test]
fn a_printed_signed_code_is_read_back_by_both_decoders_and_verifies() {
    for code in [wc1_code(1), sig1_code(), "KCZ4M2P9".to_owned()] {
        let pdf = ticket_pdf(Fonts::shipped(), &[ticket(code.clone())], Language::De).unwrap();
        for dpi in [150, 300] {
            let picture = &pictures(&pdf, dpi)[0];
            assert_eq!(by_rxing(picture), code, "rxing at {dpi} dpi");
            assert_eq!(by_rqrr(picture), code, "rqrr at {dpi} dpi");
        }
        let verified = verify(read(&code), &[event_key()]);
        assert!(matches!(verified, Verification::Good(_)) || code == "KCZ4M2P9", "{verified:?}");
    }
}

#[test]
fn each_page_of_a_file_carries_the_code_of_its_ticket() {
    let codes: Vec<String> = (1..=5).map(wc1_code).collect();
    let tickets: Vec<TicketPaper> = codes.iter().cloned().map(ticket).collect();
    let pages = pictures(&ticket_pdf(Fonts::shipped(), &tickets, Language::En).unwrap(), 150);
    assert_eq!(pages.iter().map(by_rxing).collect::<Vec<_>>(), codes);
}

#[test]
fn a_page_is_a6_upright_and_a_roll_is_eighty_millimetres_wide() {
    let dots = |millimetres: f32| (millimetres / 25.4 * 254.0).round() as u32;
    let page = &pictures(&ticket_pdf(Fonts::shipped(), &[ticket(wc1_code(1))], Language::De).unwrap(), 254)[0];
    let near = |found: u32, wanted: u32| found.abs_diff(wanted) <= 1;
    assert!(near(page.width(), dots(105.0)) && near(page.height(), dots(148.0)), "{:?}", page.dimensions());
    let roll = &pictures(&receipt_pdf(Fonts::shipped(), &receipt(), Language::De).unwrap(), 254)[0];
    assert!(near(roll.width(), dots(80.0)), "{:?}", roll.dimensions());
}

#[test]
fn the_symbol_on_paper_is_at_least_thirty_millimetres_wide() {
    let pdf = ticket_pdf(Fonts::shipped(), &[ticket(wc1_code(1))], Language::De).unwrap();
    let picture = &pictures(&pdf, 254)[0];
    let mut prepared =
        rqrr::PreparedImage::prepare_from_greyscale(picture.width() as usize, picture.height() as usize, |x, y| {
            picture.get_pixel(x as u32, y as u32).0[0]
        });
    let grid = &prepared.detect_grids()[0];
    // Ten dots are a millimetre; the corners are those of the symbol without its quiet zone.
    let [left, right] = [grid.bounds[0], grid.bounds[1]];
    assert!(right.x - left.x >= 300, "{} tenths of a millimetre", right.x - left.x);
}

#[test]
fn letters_of_every_european_script_can_be_copied_out_of_the_file() {
    let ticket = TicketPaper {
        event_name: "Ωδή στη χαρά – Ода к радости".into(),
        attendee_name: Some("Zażółć Gęślą Ďábelské".into()),
        product_name: "Київ Ґалаґан, Σίσυφος, Αρετή".into(),
        location: "Şişli, İstanbul – Þórshöfn – Hőgyész".into(),
        ..ticket(wc1_code(1))
    };
    let words = words(&ticket_pdf(Fonts::shipped(), std::slice::from_ref(&ticket), Language::De).unwrap());
    let flat = words.split_whitespace().collect::<Vec<_>>().join(" ");
    for text in [&ticket.event_name, &ticket.product_name, &ticket.location, ticket.attendee_name.as_ref().unwrap()] {
        assert!(flat.contains(text.as_str()), "{text:?} is not in {flat:?}");
    }
    assert!(flat.contains("Freitag, 12. Dezember 2025") && flat.contains("24,00 €"), "{flat}");
}

fn receipt() -> ReceiptPaper {
    let line = |name: &str, quantity, minor, tax_rate_bp| {
        let price = Money::new(minor, Currency::EUR);
        ReceiptLine { name: name.into(), quantity, price, tax_rate_bp }
    };
    ReceiptPaper {
        seller_name: "Speicher Nord e. V.".into(),
        seller_address: "Hafenstraße 4\n20457 Hamburg".into(),
        seller_tax_number: Some("DE123456789".into()),
        receipt_number: "K1-000123".into(),
        reverses: None,
        at: at("2025-12-12T18:12:05Z"),
        zone: "Europe/Berlin".into(),
        till: "Abendkasse 1".into(),
        cashier: Some("Żaneta".into()),
        event_name: "Winternacht der Klänge".into(),
        order_code: "K7M3Q".into(),
        lines: vec![line("Stehplatz", 2, 2400, 700), line("Programmheft", 3, 450, 1900)],
        given: Money::new(10_000, Currency::EUR),
        copy: 2,
        test: false,
    }
}

#[test]
fn a_receipt_can_be_read_line_by_line() {
    let words = words(&receipt_pdf(Fonts::shipped(), &receipt(), Language::De).unwrap());
    // Poppler guesses the blanks of a table from the gaps; what stands on one line, and in which order, is what counts.
    let bare = |line: &str| line.split_whitespace().collect::<String>();
    let lines: Vec<String> = words.lines().map(bare).collect();
    for line in [
        "Kopie 2",
        "USt-IdNr. DE123456789",
        "Beleg K1-000123",
        "Datum 12.12.2025, 19:12:05",
        "Es bediente Żaneta",
        "Stehplatz 48,00",
        "2 × 24,00 € · 7 % MwSt.",
        "Summe 61,50 €",
        "Bar 100,00",
        "Rückgeld 38,50",
        "7 % 44,86 3,14 48,00",
        "19 % 11,34 2,16 13,50",
    ] {
        assert!(lines.contains(&bare(line)), "{line:?} is not in {lines:#?}");
    }
}
