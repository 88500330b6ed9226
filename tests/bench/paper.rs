//! Ticket PDFs per second and core, and their size.

use crate::{Figure, codes::thread_cpu};
use serde_json::json;
use willcall_domain::{
    clock::UtcMillis,
    money::{Currency, Money},
    paper::{Accent, Fonts, Language, TicketPaper, ticket_pdf},
};

const TICKETS: u64 = 1_000;

pub fn tickets_per_second() -> anyhow::Result<Vec<Figure>> {
    let fonts = Fonts::shipped();
    let ticket = |n: u64| TicketPaper {
        organizer_name: "Stadttheater".to_owned(),
        accent: Accent::HOUSE,
        event_name: "Ein Sommernachtstraum".to_owned(),
        zone: "Europe/Berlin".to_owned(),
        starts_at: UtcMillis(1_800_000_000_000),
        ends_at: None,
        admission_at: Some(UtcMillis(1_799_998_200_000)),
        location: "Großes Haus, Theaterplatz 1".to_owned(),
        product_name: "Parkett, Normalpreis".to_owned(),
        attendee_name: Some(format!("Jürgen Größe-Łukasz {n}")),
        seat: None,
        order_code: format!("A{n:06}"),
        price: Money::new(2400, Currency::EUR),
        tax_rate_bp: 700,
        code: format!("{n:0>153}"),
        test: false,
        copy: 1,
        seller: "Stadttheater GmbH, Theaterplatz 1".to_owned(),
        issued_at: UtcMillis(1_790_000_000_000),
    };
    let begun = thread_cpu()?;
    let mut bytes = 0;
    for n in 0..TICKETS {
        bytes += ticket_pdf(fonts, &[ticket(n)], Language::De)?.len() as u64;
    }
    let spent = thread_cpu()? - begun;
    let (rate, size) = (TICKETS as f64 / spent.as_secs_f64(), bytes as f64 / TICKETS as f64 / 1000.0);
    let method = "A6, one file a ticket, fonts subset, QR as one path, no logo; per CPU second of the thread";
    Ok(vec![
        Figure {
            what: "ticket PDFs, one core",
            measured: format!("{rate:.0} /s"),
            values: json!({ "per_cpu_s": rate }),
            peer: "17.6 /s",
            method: method.to_owned(),
            n: TICKETS,
        },
        Figure {
            what: "size of a ticket PDF",
            measured: format!("{size:.1} kB"),
            values: json!({ "kB": size }),
            peer: "60.7 kB",
            method: "mean of the same".to_owned(),
            n: TICKETS,
        },
    ])
}
