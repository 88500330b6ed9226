//! The life of one ticket, and of two sold at the till: bought in a browser without scripts, paid, scanned from a camera,
//! sold while the server is dead, admitted where nobody had heard of the sale, and all of it once on the server.

use crate::{PLAN, sign_in};
use anyhow::Context;
use serde_json::Value;
use std::path::{Path, PathBuf};
use willcall_tests::{
    built, picture,
    premises::Premises,
    screen::{self, id},
    webdriver::{Browser, BrowserChoice, Scripts, Window, WindowChoice},
};

/// What the journey needs of the seed's answer.
struct Made {
    shop: String,
    stalls: i64,
    programme: i64,
    tokens: [String; 2],
}

impl Made {
    fn read(outcome: &Value) -> anyhow::Result<Self> {
        let house = &outcome["organizers"][0];
        let event = &house["events"][0];
        let token = |n: usize| house["devices"][n]["token"].as_str().map(str::to_owned).context("a token");
        Ok(Self {
            shop: event["url"].as_str().context("the shop's address")?.to_owned(),
            stalls: event["items"]["Stalls"].as_i64().context("an id")?,
            programme: event["items"]["Programme"].as_i64().context("an id")?,
            tokens: [token(0)?, token(1)?],
        })
    }
}

/// Buys a seat and a programme, by bank transfer; gives the address of the order's page.
async fn buy(browser: &Browser, made: &Made) -> anyhow::Result<String> {
    browser.goto(&made.shop).await?;
    screen::choose(browser, &format!("select[name='i{}']", made.stalls), "1").await?;
    screen::choose(browser, &format!("select[name='i{}']", made.programme), "1").await?;
    screen::press(browser, "form.card button[type='submit']").await?;
    screen::fill(browser, "#name", "Grace Hopper").await?;
    // A slip of the keys is shown beside its field, and nothing typed is lost.
    screen::fill(browser, "#email", "grace@example").await?;
    screen::press(browser, "#payment").await?;
    screen::press(browser, "#details button[type='submit']").await?;
    screen::see(browser, "#email-error").await?;
    assert_eq!(browser.find(thirtyfour::By::Css("#name")).await?.prop("value").await?.as_deref(), Some("Grace Hopper"));
    screen::fill(browser, "#email", "grace@example.org").await?;
    screen::press(browser, "#details button[type='submit']").await?;
    screen::see(browser, ".state-pending").await?;
    assert_eq!(screen::read(browser, ".total .money").await?, "€36.50");
    Ok(browser.current_url().await?.to_string())
}

/// The organizer finds the order by the buyer's name and marks it paid.
async fn mark_paid(premises: &Premises) -> anyhow::Result<()> {
    let browser = Browser::chromium(&BrowserChoice::default()).await?;
    sign_in(&browser, &premises.url()).await?;
    screen::press(&browser, "aside.side nav a[href$='/orders']").await?;
    screen::fill(&browser, "#q", "hopper").await?;
    screen::press(&browser, "form.filter button").await?;
    screen::press(&browser, "table.rows tbody a.cover").await?;
    screen::press(&browser, "form[action$='/mark-paid'] button").await?;
    screen::see(&browser, "p.done").await?;
    screen::see(&browser, "h1 .pill.good").await?;
    Ok(())
}

/// Downloads the ticket through the order's page and gives its code and the pages of the paper as pictures.
async fn ticket(browser: &Browser, premises: &Premises, page: &str) -> anyhow::Result<(String, Vec<PathBuf>)> {
    browser.goto(page).await?;
    screen::see(browser, ".state-paid").await?;
    let href = screen::attribute(browser, "a[href$='/tickets.pdf']", "href").await?;
    let answer = reqwest::get(reqwest::Url::parse(page)?.join(&href)?).await?.error_for_status()?;
    assert_eq!(answer.headers()["content-type"], "application/pdf");
    let room = premises.room("bought")?;
    let pdf = room.join("bought.pdf");
    std::fs::write(&pdf, answer.bytes().await?)?;
    let pages = picture::pages(&pdf, 110, &room)?;
    let codes = picture::codes_of_paper(&pdf, &premises.room("bought/codes")?)?;
    assert_eq!(codes.len(), 1, "one seat is one code; a programme has none");
    Ok((codes[0].clone(), pages))
}

/// Opens the window and enrols it by hand, as a till.
async fn enrolled(premises: &Premises, folder: &Path, camera: &Path, token: &str) -> anyhow::Result<Window> {
    let arguments = ["--data", &folder.to_string_lossy(), "--camera", &format!("folder:{}", camera.display())];
    let window = Window::open(&WindowChoice {
        program: built::program("willcall")?,
        arguments: arguments.map(str::to_owned).into(),
        ..WindowChoice::default()
    })
    .await?;
    screen::fill(&window, &id("enrol-url"), &premises.url()).await?;
    screen::fill(&window, &id("enrol-token"), token).await?;
    screen::press(&window, &id("enrol-submit")).await?;
    screen::see(&window, "main[data-page='till']").await?;
    Ok(window)
}

/// The bought ticket before the camera: admitted, and the second time used.
async fn scanned_by_camera(window: &Window, pages: &[PathBuf], camera: &Path) -> anyhow::Result<()> {
    screen::press(window, &id("tab-door")).await?;
    screen::see(window, "[data-testid='camera'][data-running='true']").await?;
    picture::show(&pages[0], camera, "first")?;
    screen::see(window, "[data-testid='verdict'][data-class='admitted']").await?;
    assert_eq!(screen::read(window, &id("verdict-name")).await?, "Grace Hopper");
    screen::gone(window, &id("verdict")).await?;
    picture::show(&pages[0], camera, "second")?;
    screen::see(window, "[data-testid='verdict'][data-class='used'][data-reason='already_redeemed']").await?;
    screen::press(window, &id("verdict-dismiss")).await?;
    screen::gone(window, &id("verdict")).await?;
    picture::hide(camera, "first")?;
    picture::hide(camera, "second")
}

/// Two seats for cash with no server anywhere; gives the codes on the paper.
async fn sold_without_a_link(window: &Window, premises: &Premises, made: &Made) -> anyhow::Result<Vec<String>> {
    screen::press(window, &id("tab-till")).await?;
    screen::see(window, "[data-testid='link-pill'][data-connected='false']").await?;
    let tile = id(&format!("product-{}", made.stalls));
    screen::press(window, &tile).await?;
    screen::press(window, &tile).await?;
    screen::see(window, &format!("[data-testid='line-{}'][data-quantity='2']", made.stalls)).await?;
    assert_eq!(screen::attribute(window, &id("cart-total"), "data-minor").await?, "6400");
    // Digits go to the cash from wherever the focus is.
    screen::keys(window, "70").await?;
    screen::see(window, &id("change-preview")).await?;
    screen::press(window, &id("pay-cash")).await?;
    screen::see(window, &id("sale")).await?;
    assert_eq!(screen::attribute(window, &id("change"), "data-minor").await?, "600");
    assert_eq!(screen::attribute(window, &id("sale-delivery"), "data-delivery").await?, "here");
    screen::press(window, &id("print-tickets")).await?;
    let printed = id("printed-tickets");
    assert_eq!(screen::attribute(window, &printed, "data-to").await?, "file", "there is no printer here");
    let paper = PathBuf::from(screen::attribute(window, &printed, "data-name").await?);
    screen::press(window, &id("sale-next")).await?;
    let codes = picture::codes_of_paper(&paper, &premises.room("sold")?)?;
    assert_eq!(codes.len(), 2, "each seat has a signed code though nobody could be asked");
    Ok(codes)
}

async fn everything_arrived_once(premises: &Premises) -> anyhow::Result<()> {
    for (query, wanted) in [
        ("SELECT count(*) FROM orders WHERE channel = 'web' AND status = 'paid'", 1),
        ("SELECT count(*) FROM orders WHERE channel = 'till' AND status = 'paid' AND total_minor = 6400", 1),
        ("SELECT count(*) FROM orders", 2),
        ("SELECT count(*) FROM order_position WHERE lease_id IS NOT NULL", 2),
        ("SELECT count(*) FROM lease_unit", 2),
        ("SELECT count(*) FROM payment WHERE provider = 'cash' AND state = 'confirmed' AND amount_minor = 6400", 1),
        ("SELECT count(*) FROM journal_entry WHERE kind = 'sale'", 1),
        // The bought ticket twice, one sold ticket twice here, the other once elsewhere.
        ("SELECT count(*) FROM scan", 5),
        ("SELECT count(*) FROM scan WHERE class = 'admitted'", 3),
        ("SELECT count(*) FROM scan WHERE class = 'used'", 2),
        ("SELECT count(*) FROM journal_entry WHERE outcome <> 'applied'", 0),
        ("SELECT count(*) FROM station_case", 0),
        ("SELECT count(*) - count(DISTINCT (device_id, incarnation, seq)) FROM journal_entry", 0),
        ("SELECT sold FROM quota WHERE name = 'Hall'", 3),
        ("SELECT excess FROM quota WHERE name = 'Hall'", 0),
    ] {
        assert_eq!(premises.number_of(query).await?, wanted, "{query}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bought_without_scripts_paid_scanned_and_sold_while_the_server_is_dead_all_arrives_once() {
    let (mut premises, outcome) = Premises::seeded(PLAN, &[]).await.unwrap();
    let made = Made::read(&outcome).unwrap();

    let choice = BrowserChoice { scripts: Scripts::Off, ..BrowserChoice::default() };
    let browser = Browser::chromium(&choice).await.unwrap();
    let page = buy(&browser, &made).await.unwrap();
    let path = page.strip_prefix(&premises.url()).unwrap().to_owned();
    let mail = premises.mail(&path).await.unwrap();
    assert!(mail.contains("grace@example.org"), "{mail}");
    mark_paid(&premises).await.unwrap();
    let (bought, pages) = ticket(&browser, &premises, &page).await.unwrap();
    drop(browser);

    let (till, door) = (premises.room("till").unwrap(), premises.room("door").unwrap());
    let camera = premises.room("camera").unwrap();
    let window = enrolled(&premises, &till, &camera, &made.tokens[0]).await.unwrap();
    premises.station(&door, &["enrol", &premises.url(), &made.tokens[1]]).unwrap();
    premises.station(&door, &["sync"]).unwrap();
    scanned_by_camera(&window, &pages, &camera).await.unwrap();

    // The till has borrowed seats, and all it did is on the server; then there is no server any more.
    screen::press(&window, &id("tab-till")).await.unwrap();
    let ready = format!("[data-testid='product-{}']:not([data-here='0']):not([data-here='1'])", made.stalls);
    screen::see(&window, &ready).await.unwrap();
    premises.kill().unwrap();
    let codes = sold_without_a_link(&window, &premises, &made).await.unwrap();
    assert!(!codes.contains(&bought));

    screen::press(&window, &id("tab-door")).await.unwrap();
    screen::see(&window, &id("door-field")).await.unwrap();
    window.scanner(&codes[0]).await.unwrap();
    screen::see(&window, "[data-testid='verdict'][data-class='admitted']").await.unwrap();
    screen::gone(&window, &id("verdict")).await.unwrap();
    window.scanner(&codes[0]).await.unwrap();
    screen::see(&window, "[data-testid='verdict'][data-class='used']").await.unwrap();
    screen::press(&window, &id("verdict-dismiss")).await.unwrap();
    screen::gone(&window, &id("verdict")).await.unwrap();
    let (elsewhere, exit) = premises.station(&door, &["scan", &codes[1]]).unwrap();
    assert_eq!((exit, elsewhere["class"].as_str()), (0, Some("admitted")), "{elsewhere}");
    assert_eq!(elsewhere["marks"][0], "sale_not_seen", "this gate never heard of the sale: the signature is enough");
    let waiting = screen::attribute(&window, &id("link-pill"), "data-waiting").await.unwrap();
    assert!(waiting.parse::<u32>().unwrap() >= 4, "sale, payment, receipt and scans exist only here: {waiting}");

    premises.start().await.unwrap();
    screen::see(&window, "[data-testid='link-pill'][data-connected='true'][data-waiting='0']").await.unwrap();
    premises.station(&door, &["sync"]).unwrap();
    everything_arrived_once(&premises).await.unwrap();

    // Once more from every side changes nothing.
    screen::press(&window, &id("link-pill")).await.unwrap();
    premises.station(&door, &["sync"]).unwrap();
    everything_arrived_once(&premises).await.unwrap();
    drop(window);
    for folder in [&till, &door] {
        let (status, _) = premises.station(folder, &["status"]).unwrap();
        assert_eq!(status["waiting"], 0, "{status}");
        let (journal, exit) = premises.station(folder, &["journal", "verify"]).unwrap();
        assert_eq!((exit, &journal["ok"]), (0, &Value::Bool(true)), "{journal}");
        assert_eq!(journal["entries"], status["journal_length"]);
    }
}
