//! Tickets as PDF: drawn on first request by a job, once, however many ask at once and in whichever process. What a
//! ticket looks like is [`willcall_domain::paper`]'s.

use super::{CodeOf, signer, store};
use crate::{
    app::App,
    catalog,
    http::Failure,
    jobs::{self, Class, Job, registry::Hopeless},
    orders::{self, FullOrder, FullPosition},
    tx::Tx,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::time::Duration;
use willcall_domain::{
    entropy,
    id::{OrderId, OrganizerId},
    orders::OrderStatus,
    paper::{Accent, Fonts, Language, TicketPaper, ticket_pdf},
    problem::{Code, Problem},
    ticketing::Flags,
};

/// Raised when the layout changes, so that tickets are drawn anew.
const LAYOUT: u8 = 1;
/// How long a request waits for the drawing.
const WAIT: Duration = Duration::from_secs(10);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(40);

/// Draws the tickets of one order in one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderTickets {
    pub order_id: OrderId,
    pub language: Language,
}

impl Job for RenderTickets {
    const KIND: &'static str = "ticketing.render_tickets";
    const CLASS: Class = Class::Render;
}

/// What a request gets.
#[derive(Debug)]
pub enum Tickets {
    Ready(Vec<u8>),
    /// Not within the time a request may wait.
    InTheMaking,
}

/// The tickets of a paid order, drawn by a job if they are not there yet.
///
/// # Errors
/// When the order is not paid or has no tickets, or the database is away.
pub async fn tickets(
    app: &App,
    organizer: OrganizerId,
    order: OrderId,
    language: Language,
) -> Result<Tickets, Failure> {
    let job = RenderTickets { order_id: order, language };
    let mut tx = app.begin(organizer).await?;
    let sheet = sheet(&mut tx, app, &job).await?;
    if let Some(bytes) = store::artefact(&mut tx, order, language, &sheet.digest).await? {
        return Ok(Tickets::Ready(bytes));
    }
    ask_for(&mut tx, &job, &sheet.digest).await?;
    tx.commit().await?;
    let until = app.clock.monotonic_ms() + u64::try_from(WAIT.as_millis()).unwrap_or(0);
    while app.clock.monotonic_ms() < until {
        tokio::time::sleep(LOOK).await;
        let mut tx = app.begin(organizer).await?;
        if let Some(bytes) = store::artefact(&mut tx, order, language, &sheet.digest).await? {
            return Ok(Tickets::Ready(bytes));
        }
    }
    Ok(Tickets::InTheMaking)
}

/// Queues the job, unless it waits or runs already. The lock lasts until the commit and makes those who ask at the same
/// time come one after the other; each then sees what the one before it wrote.
async fn ask_for(tx: &mut Tx, job: &RenderTickets, digest: &[u8; 32]) -> Result<(), Failure> {
    let name = format!("tickets {} {}", job.order_id, hex::encode(&digest[..8]));
    store::lock_artefact(tx, digest).await?;
    let there = store::artefact(tx, job.order_id, job.language, digest).await?.is_some();
    if !there && !store::job_is_open(tx, &name).await? {
        jobs::enqueue_once(tx, &name, job).await?;
    }
    Ok(())
}

/// # Errors
/// When the tickets cannot be drawn or stored; the job is tried again.
pub async fn run(app: App, organizer: OrganizerId, job: RenderTickets) -> anyhow::Result<()> {
    let mut tx = app.begin(organizer).await?;
    let sheet = match sheet(&mut tx, &app, &job).await {
        Ok(sheet) => sheet,
        // Cancelled since: nobody may have these any more.
        Err(failure) if failure.problem().code == Code::Conflict => return Ok(()),
        Err(failure) => return Err(failure.into()),
    };
    let there = store::artefact(&mut tx, job.order_id, job.language, &sheet.digest).await?.is_some();
    tx.commit().await?;
    if there {
        return Ok(());
    }
    let language = job.language;
    let Sheet { papers, digest } = sheet;
    let drawn = tokio::task::spawn_blocking(move || ticket_pdf(Fonts::shipped(), &papers, language)).await?;
    let bytes = drawn.map_err(|e| Hopeless(e.to_string()))?;
    app.metrics.ticket_rendered();
    let mut tx = app.begin(organizer).await?;
    store::keep_artefact(&mut tx, job.order_id, language, &digest, &bytes).await?;
    tx.commit().await?;
    Ok(())
}

/// What is to be printed, and its digest.
struct Sheet {
    papers: Vec<TicketPaper>,
    digest: [u8; 32],
}

async fn sheet(tx: &mut Tx, app: &App, job: &RenderTickets) -> Result<Sheet, Failure> {
    let unknown = || Problem::new(Code::NotFound, "There is no such order.");
    let order = orders::find(tx, job.order_id).await?.ok_or_else(unknown)?;
    if order.status != OrderStatus::Paid {
        return Err(Problem::new(Code::Conflict, "There are tickets only for paid orders.").into());
    }
    let papers = papers(tx, app, &order).await?;
    if papers.is_empty() {
        return Err(Problem::new(Code::Conflict, "There is no ticket in this order.").into());
    }
    // Whatever is printed is in this text, so another ticket never has the same digest.
    let all = format!("{LAYOUT} {:?} {papers:?}", job.language);
    Ok(Sheet { papers, digest: Sha256::digest(all).into() })
}

async fn papers(tx: &mut Tx, app: &App, order: &FullOrder) -> Result<Vec<TicketPaper>, Failure> {
    let unknown = || Problem::new(Code::NotFound, "There is no such event.");
    let event = catalog::event_by_id(tx, order.event_id).await?.ok_or_else(unknown)?.row;
    let dates = catalog::dates(tx, order.event_id).await?;
    let seller = catalog::seller(tx).await?;
    let signer = signer(tx, app, order.event_id).await?;
    let imprint =
        seller.address.lines().fold(seller.contract_name().to_owned(), |all, line| format!("{all}, {}", line.trim()));
    let mut papers = Vec::new();
    for position in order.positions.iter().filter(|p| p.admission && !p.canceled) {
        let code = match &position.plain_code {
            Some(plain) => plain.clone(),
            None => match signer.code(&code_of(position)) {
                Some(code) => code,
                None => plain_code(tx, order, position).await?,
            },
        };
        let event = event.clone().on(position.date_id.and_then(|id| dates.iter().find(|d| d.date_id == id)));
        papers.push(TicketPaper {
            organizer_name: seller.name.clone(),
            accent: Accent::parse(&seller.accent).unwrap_or(Accent::HOUSE),
            event_name: event.name,
            zone: event.zone,
            starts_at: event.starts_at,
            ends_at: event.ends_at,
            admission_at: event.admission_at,
            location: event.location,
            product_name: position.item_name.clone(),
            attendee_name: Some(position.attendee_name.clone()).filter(|name| !name.is_empty()),
            seat: None,
            order_code: order.code.clone(),
            price: position.price,
            tax_rate_bp: position.tax_rate_bp,
            code,
            test: false,
            copy: 1,
            seller: imprint.clone(),
            issued_at: order.placed_at,
        });
    }
    Ok(papers)
}

fn code_of(position: &FullPosition) -> CodeOf {
    CodeOf {
        position_id: position.position_id,
        issue: position.issue,
        article: position.article(),
        flags: Flags { test: false, blank: position.blank, look_at_id: position.look_at_id },
        valid_from: None,
        valid_until: None,
    }
}

/// For a product whose number the code's format cannot say: a secret that only the database knows.
async fn plain_code(tx: &mut Tx, order: &FullOrder, position: &FullPosition) -> Result<String, Failure> {
    let secret = hex::encode(entropy::bytes::<16>(tx.entropy()));
    let code = store::give_plain_code(tx, position.position_id, &secret).await?;
    crate::sync::note(tx, crate::sync::Subject::Position(position.position_id, order.event_id)).await?;
    Ok(code)
}
