//! The shop: orders that are really placed, and its pages, also as wide as a phone.

use crate::{
    Stage,
    album::{Album, LANGUAGES},
};
use anyhow::Context;
use willcall_tests::{
    screen,
    webdriver::{Browser, BrowserChoice, Scripts},
};

const PHONE: u32 = 390;
const DESK: u32 = 1280;

/// Addresses of orders' pages.
pub struct Orders {
    /// By language: waits for its money.
    pub pending: [String; 2],
    /// By language: paid (by `office::prepare`), with tickets for the door.
    pub paid: [String; 2],
}

impl Orders {
    /// The code in an order's address.
    pub fn code(page: &str) -> anyhow::Result<&str> {
        page.split('/').nth_back(1).context("an order's address")
    }
}

async fn browser(language: &str) -> anyhow::Result<Browser> {
    Browser::chromium(&BrowserChoice {
        scripts: Scripts::Off,
        language: language.to_owned(),
        size: (DESK, 900),
        ..BrowserChoice::default()
    })
    .await
}

fn event(stage: &Stage) -> String {
    format!("{}/harbour-hall/winter-concert", stage.premises.url())
}

/// Fills the basket: so many of the first, second … product.
async fn choose(web: &Browser, stage: &Stage, quantities: &[u32]) -> anyhow::Result<()> {
    web.goto(event(stage)).await?;
    let selects = web.find_all(thirtyfour::By::Css("select")).await?;
    for (select, quantity) in selects.iter().zip(quantities) {
        select.find(thirtyfour::By::Css(format!("option[value='{quantity}']"))).await?.click().await?;
    }
    screen::press(web, "form.card button[type='submit']").await
}

/// Places the orders whose pages are shown, in both languages.
pub async fn order(stage: &Stage) -> anyhow::Result<Orders> {
    let people = [("Ada Lovelace", "ada@example.org"), ("Jürgen Weißmüller", "juergen.weissmueller@example.org")];
    let mut pages = Vec::new();
    for (language, (name, email)) in LANGUAGES.iter().zip(people) {
        let web = browser(language).await?;
        // The second is for the door: seats enough for each picture, and a reduced one to be looked at.
        for quantities in [[2, 0, 1, 1], [4, 0, 2, 1]] {
            choose(&web, stage, &quantities).await?;
            screen::fill(&web, "#name", name).await?;
            screen::fill(&web, "#email", email).await?;
            screen::press(&web, "#payment").await?;
            screen::press(&web, "#details button[type='submit']").await?;
            screen::see(&web, ".state-pending").await?;
            pages.push(web.current_url().await?.to_string());
        }
    }
    let [a, b, c, d] = <[String; 4]>::try_from(pages).ok().context("four orders")?;
    Ok(Orders { pending: [a, c], paid: [b, d] })
}

pub async fn pictures(stage: &Stage, album: &Album) -> anyhow::Result<()> {
    let orders = stage.orders.as_ref().context("orders")?;
    for (n, language) in LANGUAGES.iter().enumerate() {
        let web = browser(language).await?;
        let url = stage.premises.url();
        for (name, address) in [
            ("shop-start", url.clone()),
            ("shop-organizer", format!("{url}/bergklang")),
            ("shop-event", event(stage)),
            ("shop-order-pending", orders.pending[n].clone()),
            ("shop-order-paid", orders.paid[n].clone()),
            ("shop-not-found", format!("{url}/harbour-hall/no-such-evening")),
        ] {
            web.goto(address).await?;
            both(&web, album, name, language).await?;
        }
        choose(&web, stage, &[0, 0, 0, 0]).await?;
        screen::see(&web, "#choice-error").await?;
        both(&web, album, "shop-event-nothing-chosen", language).await?;
        choose(&web, stage, &[2, 0, 1, 0]).await?;
        screen::see(&web, "#details").await?;
        both(&web, album, "shop-checkout", language).await?;
        screen::fill(&web, "#name", "A").await?;
        screen::fill(&web, "#email", "ada@example").await?;
        screen::press(&web, "#payment").await?;
        screen::press(&web, "#details button[type='submit']").await?;
        screen::see(&web, ".error-box").await?;
        both(&web, album, "shop-checkout-errors", language).await?;
    }
    Ok(())
}

async fn both(web: &Browser, album: &Album, name: &str, language: &str) -> anyhow::Result<()> {
    album.page(web, name, language, PHONE).await?;
    album.page(web, name, language, DESK).await
}
