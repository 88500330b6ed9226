//! The window of a till and door, from its enrolment to a sale without a link.

use crate::{
    Stage,
    album::{Album, LANGUAGES, THEMES},
    office, paper,
};
use anyhow::Context;
use serde_json::{Value, json};
use std::path::Path;
use willcall_tests::{
    built, picture,
    screen::{self, id},
    webdriver::{Window, WindowChoice},
};

/// Puts language and theme on as the settings do, and waits until the screen wears them.
const DRESS: &str = "const [language, theme, done] = arguments; const { invoke } = window.__TAURI_INTERNALS__; \
    invoke('settings_get').then((now) => invoke('settings_save', { request: { ...now, language, theme } })) \
    .then(() => done(''), (problem) => done(JSON.stringify(problem)));";

/// Tells once what is on the screen has been painted.
const PAINTED: &str = "const [done] = arguments; \
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(''), 0)));";

async fn dress(window: &Window, language: &str, theme: &str) -> anyhow::Result<()> {
    let said = window.execute_async(DRESS, vec![json!(language), json!(theme)]).await?;
    anyhow::ensure!(said.json() == "", "{}", said.json());
    screen::see(window, &format!("html[lang='{language}'][data-theme='{theme}'] body")).await?;
    window.execute_async(PAINTED, vec![]).await?;
    Ok(())
}

/// A till without a window, to which units were handed over.
pub struct SecondTill {
    pub number: String,
    /// The hand-over that is on its way to it.
    pub hand_over: String,
}

/// The studio: a window, and where its pictures go.
struct Studio<'a> {
    window: Window,
    album: &'a Album,
    wanted: bool,
}

impl Studio<'_> {
    /// The screen as it is now, in every language and theme.
    async fn all(&self, name: &str) -> anyhow::Result<()> {
        for language in LANGUAGES.iter().filter(|_| self.wanted) {
            for theme in THEMES {
                dress(&self.window, language, theme).await?;
                self.album.window(&self.window, &format!("window-{name}.{language}.{theme}")).await?;
            }
        }
        Ok(())
    }

    async fn press(&self, testid: &str) -> anyhow::Result<()> {
        screen::press(&self.window, &id(testid)).await
    }

    async fn see(&self, css: &str) -> anyhow::Result<()> {
        screen::see(&self.window, css).await.map(|_| ())
    }

    async fn put_away(&self) -> anyhow::Result<()> {
        self.press("verdict-dismiss").await?;
        screen::gone(&self.window, &id("verdict")).await
    }
}

pub async fn pictures(stage: &mut Stage, album: &Album, wanted: bool) -> anyhow::Result<()> {
    let premises = &stage.premises;
    let (till, camera) = (premises.room("till")?, premises.room("camera")?);
    let arguments = [
        "--data".to_owned(),
        till.display().to_string(),
        "--camera".to_owned(),
        format!("folder:{}", camera.display()),
    ];
    let choice =
        WindowChoice { program: built::program("willcall")?, arguments: arguments.into(), ..WindowChoice::default() };
    let studio = Studio { window: Window::open(&choice).await?, album, wanted };
    enrol(&studio, stage).await?;
    door(&studio, stage).await?;
    at_the_till(&studio).await?;
    studio.press("settings-open").await?;
    studio.see("main[data-page='settings']").await?;
    studio.all("settings").await?;
    studio.press("tab-cases").await?;
    studio.see(&id("case")).await?;
    studio.all("cases").await?;
    stage.second = Some(units(&studio, stage).await?);
    copies(&studio).await?;
    without_a_link(&studio, stage).await?;
    in_doubt(studio, stage, &choice, &till).await
}

/// What this till holds, what goes to another, and what comes from there.
async fn units(studio: &Studio<'_>, stage: &Stage) -> anyhow::Result<SecondTill> {
    let premises = &stage.premises;
    let (number, token) = office::second_till(stage).await?;
    let (first, second, stick) = (premises.room("till")?, premises.room("till-2")?, premises.room("stick")?);
    let ask = |folder: &Path, arguments: &[&str]| -> anyhow::Result<Value> {
        let (answer, code) = premises.station(folder, arguments)?;
        anyhow::ensure!(code == 0, "{arguments:?}: {answer}");
        Ok(answer)
    };
    ask(&second, &["enrol", &premises.url(), &token])?;
    for _ in 0..2 {
        ask(&second, &["sync"])?;
        ask(&first, &["sync"])?;
    }
    let held = ask(&first, &["lease"])?;
    let quotas = held["quotas"].as_array().context("quotas")?;
    let most = quotas.iter().max_by_key(|quota| quota["can_give"].as_u64()).context("a quota")?;
    let quota = most["quota_id"].to_string();
    let me = held["station"].to_string();
    let (to, back) = (stick.join("to-till-2.units"), stick.join("to-till-1.units"));
    let given = ask(&first, &["lease", "give", "--to", &number, "--units", "2", &quota, &to.display().to_string()])?;
    ask(&first, &["sync"])?;
    let theirs = ask(&second, &["lease"])?;
    let theirs = theirs["quotas"].as_array().context("quotas")?;
    let theirs = theirs.iter().find(|quota| quota["can_give"].as_u64() > Some(0)).context("units of Till 2")?;
    let theirs = theirs["quota_id"].to_string();
    ask(&second, &["lease", "give", "--to", &me, "--units", "1", &theirs, &back.display().to_string()])?;

    studio.press("tab-leases").await?;
    studio.see(&id("hand-over")).await?;
    studio.all("units").await?;
    studio.press("quota-give").await?;
    studio.see(&id("give")).await?;
    studio.all("units-give").await?;
    screen::keys(&studio.window, "\u{e00c}").await?;
    screen::gone(&studio.window, &id("give")).await?;
    screen::fill(&studio.window, &id("take-path"), &back.display().to_string()).await?;
    studio.press("take-look").await?;
    studio.see(&id("offer")).await?;
    studio.all("units-offer").await?;
    let hand_over = given["hand_overs"][0]["hand_over_id"].as_str().context("a hand-over")?.to_owned();
    Ok(SecondTill { number, hand_over })
}

async fn copies(studio: &Studio<'_>) -> anyhow::Result<()> {
    studio.press("tab-copies").await?;
    studio.see(&id("backups")).await?;
    studio.press("backup-make").await?;
    studio.see(&id("backup")).await?;
    studio.all("copies").await?;
    studio.press("backup-restore").await?;
    studio.see(&id("ask")).await?;
    studio.all("copies-restore").await?;
    studio.press("ask-yes").await?;
    studio.see(&id("work-done")).await?;
    studio.all("copies-restored").await?;
    studio.press("work-read").await?;
    screen::gone(&studio.window, &id("work-done")).await?;
    studio.press("wipe").await?;
    studio.see(&id("ask")).await?;
    studio.all("copies-wipe").await?;
    studio.press("ask-no").await?;
    screen::gone(&studio.window, &id("ask")).await
}

/// The till's database is put back by hand to an earlier one, with no server to ask.
async fn in_doubt(studio: Studio<'_>, stage: &mut Stage, choice: &WindowChoice, till: &Path) -> anyhow::Result<()> {
    let Studio { window, album, wanted } = studio;
    let backups = till.join("backups");
    let mut old: Vec<_> = std::fs::read_dir(&backups)?.flatten().map(|entry| entry.path()).collect();
    old.sort();
    let backup = old.last().context("a backup")?.clone();
    drop(window);
    let_go(till).await?;
    stage.premises.kill()?;
    for gone in ["willcall.db-wal", "willcall.db-shm"] {
        let _may_be_none = std::fs::remove_file(till.join(gone));
    }
    std::fs::copy(backup, till.join("willcall.db"))?;
    for folder in ["mirror", "backups"] {
        std::fs::remove_dir_all(till.join(folder))?;
    }
    let studio = Studio { window: Window::open(choice).await?, album, wanted };
    studio.see(&id("till-doubt-next")).await?;
    studio.all("doubt-till").await?;
    studio.press("tab-door").await?;
    studio.see(&id("doubt-banner")).await?;
    studio.all("doubt-door").await?;
    studio.press("doubt-next").await?;
    studio.see(&id("standing-doubt")).await?;
    studio.all("doubt-copies").await?;
    stage.premises.start().await
}

/// The server is gone for a while; door and till go on, also in the smallest window there is.
async fn without_a_link(studio: &Studio<'_>, stage: &mut Stage) -> anyhow::Result<()> {
    stage.premises.kill()?;
    studio.see("[data-testid='link-pill'][data-connected='false']").await?;
    studio.press("tab-door").await?;
    studio.see(&id("door-field")).await?;
    studio.window.scanner("A-CODE-OF-ANOTHER-HOUSE-7731").await?;
    studio.put_away().await?;
    studio.see("[data-testid='link-pill']:not([data-waiting='0'])").await?;
    studio.all("door-no-link").await?;
    studio.window.set_window_rect(0, 0, 1024, 700).await?;
    studio.all("door-small").await?;
    studio.press("tab-till").await?;
    studio.see("[data-testid^='product-']:not([data-here='0'])").await?;
    screen::press(&studio.window, "[data-testid^='product-']:not([data-here='0'])").await?;
    studio.see(&id("cart-total")).await?;
    studio.all("till-small").await?;
    stage.premises.start().await?;
    studio.see("[data-testid='link-pill'][data-connected='true'][data-waiting='0']").await
}

/// Waits until no program has the station of this folder open.
async fn let_go(folder: &Path) -> anyhow::Result<()> {
    let lock = std::fs::File::open(folder.join("lock"))?;
    let end = tokio::time::Instant::now() + screen::PATIENCE;
    while lock.try_lock().is_err() {
        anyhow::ensure!(tokio::time::Instant::now() < end, "the window does not end");
        tokio::task::yield_now().await;
    }
    Ok(())
}

async fn enrol(studio: &Studio<'_>, stage: &Stage) -> anyhow::Result<()> {
    studio.see(&id("enrol-url")).await?;
    studio.all("enrol").await?;
    screen::fill(&studio.window, &id("enrol-url"), &stage.premises.url()).await?;
    screen::fill(&studio.window, &id("enrol-token"), "wce_this-is-no-token").await?;
    studio.press("enrol-submit").await?;
    studio.see(&id("enrol-problem")).await?;
    studio.all("enrol-refused").await?;
    screen::fill(&studio.window, &id("enrol-token"), stage.token("Till 1")?).await?;
    studio.press("enrol-submit").await?;
    studio.see("main[data-page='till']").await
}

/// Codes of the tickets that were bought for these pictures: of seats, and of reduced seats.
struct Codes {
    seats: Vec<String>,
    reduced: Vec<String>,
}

async fn codes(stage: &Stage) -> anyhow::Result<Codes> {
    let (mut seats, mut reduced) = (Vec::new(), Vec::new());
    for page in &stage.orders.as_ref().context("orders")?.paid {
        let pdf = paper::download(stage, page).await?;
        let found = picture::codes_of_paper(&pdf, &stage.premises.room("paper/codes")?)?;
        anyhow::ensure!(found.len() == 6, "four seats and two reduced ones: {}", found.len());
        seats.extend(found[..4].iter().cloned());
        reduced.extend(found[4..].iter().cloned());
    }
    Ok(Codes { seats, reduced })
}

async fn door(studio: &Studio<'_>, stage: &Stage) -> anyhow::Result<()> {
    let Studio { window, album, wanted } = studio;
    let codes = codes(stage).await?;
    let elsewhere = stage.premises.room("door")?;
    stage.premises.station(&elsewhere, &["enrol", &stage.premises.url(), stage.token("Door 1")?])?;
    stage.premises.station(&elsewhere, &["sync"])?;
    studio.press("tab-door").await?;
    studio.see(&id("door-field")).await?;
    studio.all("door-idle").await?;

    // An admission goes away by itself: each picture has a ticket of its own.
    let mut seats = codes.seats.iter();
    for language in LANGUAGES {
        for theme in THEMES {
            dress(window, language, theme).await?;
            window.scanner(seats.next().context("a seat")?).await?;
            studio.see("[data-testid='verdict'][data-class='admitted']").await?;
            if *wanted {
                album.window(window, &format!("window-verdict-admitted.{language}.{theme}")).await?;
            }
            screen::gone(window, &id("verdict")).await?;
        }
    }
    window.scanner(&codes.seats[0]).await?;
    studio.see("[data-testid='verdict'][data-class='used']").await?;
    studio.all("verdict-used").await?;
    studio.put_away().await?;
    window.scanner(&codes.reduced[0]).await?;
    studio.see("[data-testid='verdict'][data-class='look']").await?;
    studio.all("verdict-look").await?;
    studio.put_away().await?;
    window.scanner("A-CODE-OF-ANOTHER-HOUSE-7731").await?;
    studio.see("[data-testid='verdict'][data-class='refused']").await?;
    studio.all("verdict-refused").await?;
    studio.put_away().await?;
    // Two gates that did not know of each other: a case for the office.
    let list = screen::attribute(window, "[data-testid='list'] option:checked", "value").await?;
    let (answer, code) = stage.premises.station(&elsewhere, &["scan", &codes.seats[1], "--list", &list])?;
    anyhow::ensure!(code == 0, "the other gate knows of no use: {answer}");
    stage.premises.station(&elsewhere, &["sync"])?;

    screen::fill(window, &id("door-field"), "muller").await?;
    studio.see(&id("found")).await?;
    studio.all("door-search").await?;
    screen::press(window, "search button").await?;
    picture::show(&seat_before_the_camera(stage)?, &stage.premises.room("camera")?, "seat")?;
    studio.see(&id("camera-frame")).await?;
    screen::see(window, &id("verdict")).await?;
    screen::press(window, "section.verdict").await?;
    screen::gone(window, &id("verdict")).await?;
    studio.all("door-camera").await?;
    picture::hide(&stage.premises.room("camera")?, "seat")
}

/// The first page of the ticket, as a person holds it before a camera.
fn seat_before_the_camera(stage: &Stage) -> anyhow::Result<std::path::PathBuf> {
    let room = stage.premises.room("paper")?;
    let pages = picture::pages(&room.join("tickets.pdf"), 80, &room)?;
    pages.into_iter().next().context("a page")
}

async fn at_the_till(studio: &Studio<'_>) -> anyhow::Result<()> {
    let window = &studio.window;
    studio.press("tab-till").await?;
    studio.see("[data-testid^='product-']:not([data-here='0'])").await?;
    studio.all("till-empty").await?;
    studio.press("category-Extras").await?;
    studio.see("[data-testid^='product-'][data-here='0'][data-in-all='0']").await?;
    studio.all("till-sold-out").await?;
    studio.press("category-Tickets").await?;
    let tiles = window.find_all(thirtyfour::By::Css("[data-testid^='product-']:not([data-here='0'])")).await?;
    for tile in [&tiles[0], &tiles[0], tiles.last().context("a product")?] {
        tile.click().await?;
    }
    studio.see(&id("cart-total")).await?;
    studio.all("till-cart").await?;
    screen::keys(window, "150").await?;
    studio.see(&id("change-preview")).await?;
    studio.all("till-change").await?;
    studio.press("voucher-open").await?;
    screen::fill(window, &id("voucher-code"), "NO-SUCH-VOUCHER").await?;
    studio.press("voucher-add").await?;
    studio.see(&id("voucher-problem")).await?;
    studio.all("till-voucher").await?;
    studio.press("pay-cash").await?;
    studio.see(&id("sale")).await?;
    studio.press("print-tickets").await?;
    studio.see(&id("printed-tickets")).await?;
    studio.press("print-receipt").await?;
    studio.see(&id("printed-receipt")).await?;
    studio.all("till-sold").await?;
    studio.press("sale-next").await?;
    studio.press("sales-tab").await?;
    studio.see(&id("sales")).await?;
    studio.all("till-sales").await?;
    studio.press("sale-void").await?;
    studio.see(&id("ask")).await?;
    studio.all("till-void").await?;
    studio.press("ask-no").await?;
    screen::gone(&studio.window, &id("ask")).await
}
