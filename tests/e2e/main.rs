//! The product as people meet it: the real server on its own database, real browsers, the real window under a display
//! of its own, stations without a window, and what lies in PostgreSQL and SQLite afterwards. Each file is one journey.
//! A program that is missing fails the test; nothing is skipped.

mod day_of_an_organizer;
mod keychain;
mod life_of_a_ticket;
mod night;
mod one_command;

/// One house with one evening, a till and a door.
const PLAN: &str = include_str!("plan.toml");

/// The password of the staff in [`PLAN`].
const PASSWORD: &str = "correct horse battery";

use thirtyfour::WebDriver;
use willcall_tests::screen;

/// Signs in to the back office.
async fn sign_in(browser: &WebDriver, url: &str) -> anyhow::Result<()> {
    browser.goto(format!("{url}/office")).await?;
    screen::fill(browser, "#email", "ines@quay.example").await?;
    screen::fill(browser, "#password", PASSWORD).await?;
    screen::press(browser, "button.main").await?;
    screen::see(browser, "aside.side nav").await?;
    Ok(())
}
