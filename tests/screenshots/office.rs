//! The back office, with its figures of the day.

use crate::{
    Stage,
    album::{Album, LANGUAGES},
    shop::Orders,
};
use anyhow::Context;
use willcall_tests::{
    screen,
    webdriver::{Browser, BrowserChoice},
};

const DESK: u32 = 1280;
const PHONE: u32 = 390;
const STAFF: &str = "ines@harbour-hall.example";

async fn browser(language: &str) -> anyhow::Result<Browser> {
    Browser::chromium(&BrowserChoice { language: language.to_owned(), size: (DESK, 900), ..BrowserChoice::default() })
        .await
}

async fn sign_in(web: &Browser, stage: &Stage) -> anyhow::Result<()> {
    screen::fill(web, "#email", STAFF).await?;
    screen::fill(web, "#password", stage.password()?).await?;
    screen::press(web, "button.main").await?;
    screen::see(web, "aside.side nav").await?;
    Ok(())
}

/// Marks the orders for the door as paid, and sells the booklets out.
pub async fn prepare(stage: &Stage) -> anyhow::Result<()> {
    let web = browser("en").await?;
    let office = format!("{}/office", stage.premises.url());
    web.goto(&office).await?;
    sign_in(&web, stage).await?;
    for page in &stage.orders.as_ref().context("orders")?.paid {
        web.goto(format!("{office}/harbour-hall/orders/{}", Orders::code(page)?)).await?;
        screen::press(&web, "form[action$='/mark-paid'] button").await?;
        screen::see(&web, "h1 .pill.good").await?;
    }
    let sold = stage.premises.number_of("SELECT sold FROM quota WHERE name = 'Booklets'").await?;
    to_event(&web, &office).await?;
    follow(&web, "Booklets").await?;
    screen::fill(&web, "#size", &sold.to_string()).await?;
    screen::press(&web, "button.main").await?;
    screen::see(&web, "a[href$='/quotas/new']").await?;
    Ok(())
}

pub async fn pictures(stage: &Stage, album: &Album) -> anyhow::Result<()> {
    for (n, language) in LANGUAGES.iter().enumerate() {
        let web = browser(language).await?;
        let office = format!("{}/office", stage.premises.url());
        web.goto(&office).await?;
        screen::fill(&web, "#email", STAFF).await?;
        screen::fill(&web, "#password", "not the password").await?;
        screen::press(&web, "button.main").await?;
        screen::see(&web, "p.refused").await?;
        album.page(&web, "office-sign-in-refused", language, DESK).await?;
        web.goto(format!("{office}/sign-in")).await?;
        album.page(&web, "office-sign-in", language, DESK).await?;
        sign_in(&web, stage).await?;
        let base = format!("{office}/harbour-hall");
        let orders = stage.orders.as_ref().context("orders")?;
        for (name, address) in [
            ("office-dashboard", base.clone()),
            ("office-orders", format!("{base}/orders")),
            ("office-orders-none", format!("{base}/orders?q=nobody-of-this-name")),
            ("office-order-paid", format!("{base}/orders/{}", Orders::code(&orders.paid[n])?)),
            ("office-order-pending", format!("{base}/orders/{}", Orders::code(&orders.pending[n])?)),
            ("office-order-cancel", format!("{base}/orders/{}/cancel", Orders::code(&orders.pending[n])?)),
            ("office-events", format!("{base}/events")),
            ("office-event-new", format!("{base}/events/new")),
            ("office-devices", format!("{base}/devices")),
            ("office-device-new", format!("{base}/devices/new")),
            ("office-cases", format!("{base}/cases")),
            ("office-organizer", format!("{base}/organizer")),
            ("office-not-found", format!("{base}/events/999999")),
        ] {
            web.goto(address).await?;
            album.page(&web, name, language, DESK).await?;
        }
        album.page(&web, "office-not-found", language, PHONE).await?;
        web.goto(&base).await?;
        album.page(&web, "office-dashboard", language, PHONE).await?;
        web.goto(format!("{base}/orders")).await?;
        album.page(&web, "office-orders", language, PHONE).await?;
        of_stations(&web, stage, album, &base, language, Orders::code(&orders.paid[n])?).await?;
        of_event(&web, album, &office, language).await?;
        device(&web, album, &base, language).await?;
    }
    Ok(())
}

/// A second till, made in the office; its number and enrolment token.
pub async fn second_till(stage: &Stage) -> anyhow::Result<(String, String)> {
    let web = browser("en").await?;
    let office = format!("{}/office", stage.premises.url());
    web.goto(&office).await?;
    sign_in(&web, stage).await?;
    web.goto(format!("{office}/harbour-hall/devices/new")).await?;
    screen::fill(&web, "#name", "Till 2").await?;
    screen::fill(&web, "#gate", "Garden").await?;
    screen::press(&web, "input[name='role'][value='till']").await?;
    screen::press(&web, "button.main").await?;
    let token = screen::read(&web, "#token").await?;
    web.goto(format!("{office}/harbour-hall/devices")).await?;
    // The number stands in the addresses of what can be done with it.
    let row = "//main//*[contains(., 'Till 2')]//a[contains(@href, '/rights') or contains(@href, '/revoke')]";
    let links = web.find_all(thirtyfour::By::XPath(row)).await?;
    let address = links.last().context("a link of Till 2")?.attr("href").await?.context("an address")?;
    let number = address.split('/').rev().nth(1).context("a number")?.to_owned();
    Ok((number, token))
}

/// What concerns tills and doors: units, giving up, cases, rights, erasing; at a desk and on a telephone.
async fn of_stations(
    web: &Browser,
    stage: &Stage,
    album: &Album,
    base: &str,
    language: &str,
    order: &str,
) -> anyhow::Result<()> {
    let second = stage.second.as_ref().context("a second till")?;
    to_event(web, &format!("{}/office", stage.premises.url())).await?;
    let event = web.current_url().await?.to_string();
    if language == "en" {
        vouchers(web, &event).await?;
    }
    let (device, hand_over) = (&second.number, &second.hand_over);
    for (name, address) in [
        ("office-tills-and-units", format!("{event}/tills")),
        ("office-write-off-lost", format!("{base}/devices/{device}/write-off?how=lost")),
        ("office-write-off-stolen", format!("{base}/devices/{device}/write-off?how=stolen")),
        ("office-hand-over-write-off", format!("{base}/hand-overs/{hand_over}/write-off?how=lost")),
        ("office-device-rights", format!("{base}/devices/{device}/rights")),
        ("office-device-revoke", format!("{base}/devices/{device}/revoke")),
        ("office-cases", format!("{base}/cases")),
        ("office-cases-closed", format!("{base}/cases?show=closed")),
        ("office-signature-only", format!("{base}/cases/signature-only")),
        ("office-order-erase", format!("{base}/orders/{order}/erase")),
        ("office-organizer", format!("{base}/organizer")),
        ("office-vouchers", format!("{event}/vouchers")),
        ("office-vouchers-new", format!("{event}/vouchers/new")),
        ("office-keys", format!("{event}/keys")),
        ("office-devices", format!("{base}/devices")),
    ] {
        web.goto(address).await?;
        album.page(web, name, language, DESK).await?;
        album.page(web, name, language, PHONE).await?;
    }
    Ok(())
}

/// Two vouchers, so that their pages have something to show.
async fn vouchers(web: &Browser, event: &str) -> anyhow::Result<()> {
    web.goto(format!("{event}/vouchers/new")).await?;
    screen::fill(web, "#codes", "FRIENDS-7Q2M\nPRESS-2026").await?;
    screen::choose(web, "#kind", "percent_off").await?;
    screen::fill(web, "#value", "25").await?;
    screen::press(web, "button.main").await?;
    screen::see(web, "table.rows").await?;
    Ok(())
}

/// The evening, and the forms for all that belongs to it; one with errors.
async fn of_event(web: &Browser, album: &Album, office: &str, language: &str) -> anyhow::Result<()> {
    to_event(web, office).await?;
    album.page(web, "office-event", language, DESK).await?;
    let event = web.current_url().await?.to_string();
    for (name, path) in
        [("edit", "edit"), ("product-new", "products/new"), ("quota-new", "quotas/new"), ("list-new", "lists/new")]
    {
        web.goto(format!("{event}/{path}")).await?;
        album.page(web, &format!("office-event-{name}"), language, DESK).await?;
    }
    web.goto(format!("{event}/products/new")).await?;
    screen::fill(web, "#price", "ten").await?;
    screen::press(web, "button.main").await?;
    screen::see(web, "p.wrong").await?;
    album.page(web, "office-event-product-errors", language, DESK).await
}

async fn device(web: &Browser, album: &Album, base: &str, language: &str) -> anyhow::Result<()> {
    web.goto(format!("{base}/devices/new")).await?;
    screen::fill(web, "#name", &format!("Terrace {language}")).await?;
    screen::fill(web, "#gate", "Terrace").await?;
    screen::press(web, "input[name='role'][value='door']").await?;
    screen::press(web, "button.main").await?;
    screen::see(web, "svg.qr").await?;
    album.page(web, "office-device-code", language, DESK).await
}

async fn to_event(web: &Browser, office: &str) -> anyhow::Result<()> {
    web.goto(format!("{office}/harbour-hall/events")).await?;
    follow(web, "Winter Concert").await?;
    screen::see(web, "table.rows").await?;
    Ok(())
}

/// Follows the link that holds `words`.
async fn follow(web: &Browser, words: &str) -> anyhow::Result<()> {
    let link = format!("//main//a[contains(., '{words}')]");
    Ok(web.find(thirtyfour::By::XPath(link)).await?.click().await?)
}
