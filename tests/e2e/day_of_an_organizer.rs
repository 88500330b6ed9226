//! An organizer's day in the back office: an evening made from nothing, a device invited, an order found, paid, mailed
//! again and cancelled, and the door that hears of it.

use crate::{PLAN, sign_in};
use anyhow::Context;
use serde_json::json;
use std::path::Path;
use willcall_tests::{
    picture,
    premises::Premises,
    process::until,
    screen::{self, PATIENCE},
    webdriver::{Browser, BrowserChoice},
};

/// An evening with one product of which there are twenty.
async fn make_event(browser: &Browser) -> anyhow::Result<()> {
    screen::press(browser, "aside.side nav a[href$='/events']").await?;
    screen::press(browser, "a[href$='/events/new']").await?;
    screen::fill(browser, "#name", "Matinee").await?;
    screen::fill(browser, "#slug", "matinee").await?;
    screen::fill(browser, "#location", "Small Hall").await?;
    // A date nobody can mean comes back with all that was typed and the error beside the field.
    screen::press(browser, "button.main").await?;
    screen::see(browser, "#starts_at-wrong").await?;
    assert_eq!(screen::attribute(browser, "#name", "value").await?, "Matinee");
    let starts = browser.find(thirtyfour::By::Css("#starts_at")).await?;
    // How a browser in English takes a day, a month, a year and a time; the year's field holds up to six digits.
    starts.send_keys("12312030\t1100AM").await?;
    for switch in ["live", "takes_bank_transfer"] {
        let found = browser.find(thirtyfour::By::Css(format!("input[name='{switch}']"))).await?;
        if !found.is_selected().await? {
            found.click().await?;
        }
    }
    screen::press(browser, "button.main").await?;
    screen::press(browser, "a[href$='/products/new']").await?;
    screen::fill(browser, "#name", "Any seat").await?;
    screen::fill(browser, "#price", "12.50").await?;
    screen::fill(browser, "#tax_rate", "7").await?;
    screen::press(browser, "button.main").await?;
    screen::press(browser, "a[href$='/quotas/new']").await?;
    screen::fill(browser, "#name", "Small Hall").await?;
    screen::fill(browser, "#size", "20").await?;
    // A product that is in no quota yet is chosen already.
    screen::see(browser, "input[name='items']:checked").await?;
    screen::press(browser, "button.main").await?;
    screen::see(browser, "a[href$='/quotas/new']").await?;
    Ok(())
}

/// A door for all events; gives the text to enrol it with.
async fn invite(browser: &Browser) -> anyhow::Result<String> {
    screen::press(browser, "aside.side nav a[href$='/devices']").await?;
    screen::press(browser, "a[href$='/devices/new']").await?;
    screen::fill(browser, "#name", "Side door").await?;
    screen::fill(browser, "#gate", "Side").await?;
    screen::press(browser, "input[name='role'][value='door']").await?;
    screen::press(browser, "button.main").await?;
    screen::see(browser, "svg.qr").await?;
    screen::read(browser, "#as-text").await
}

/// Two seats ordered by a program; gives the address of the order's page.
async fn order(premises: &Premises) -> anyhow::Result<String> {
    let api = format!("{}/api/v1/quay/events/matinee", premises.url());
    let event: serde_json::Value = reqwest::get(&api).await?.error_for_status()?.json().await?;
    let item = event["items"][0]["item_id"].as_i64().with_context(|| event.to_string())?;
    let wish = json!({
        "name": "Annie Easley", "email": "annie@example.org", "language": "en", "payment": "bank_transfer",
        "lines": [{ "item_id": item, "quantity": 2 }],
    });
    let answer = reqwest::Client::new().post(format!("{api}/orders")).json(&wish).send().await?;
    let order: serde_json::Value = answer.json().await?;
    order["url"].as_str().map(str::to_owned).with_context(|| order.to_string())
}

async fn codes(premises: &Premises, page: &str) -> anyhow::Result<Vec<String>> {
    let paper = reqwest::get(format!("{page}/tickets.pdf")).await?.error_for_status()?.bytes().await?;
    let room = premises.room("paper")?;
    let pdf = room.join("tickets.pdf");
    std::fs::write(&pdf, paper)?;
    picture::codes_of_paper(&pdf, &room)
}

/// What the door says to a code, once it has synced.
fn at_the_door(premises: &Premises, door: &Path, code: &str) -> anyhow::Result<(String, String)> {
    premises.station(door, &["sync"])?;
    let (verdict, _) = premises.station(door, &["scan", code, "--list", "All tickets"])?;
    let text = |name: &str| verdict[name].as_str().unwrap_or_default().to_owned();
    Ok((text("class"), text("reason")))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_made_a_device_enrolled_an_order_paid_mailed_again_and_cancelled_at_the_door() {
    let (premises, _) = Premises::seeded(PLAN, &[]).await.unwrap();
    let browser = Browser::chromium(&BrowserChoice::default()).await.unwrap();
    sign_in(&browser, &premises.url()).await.unwrap();
    make_event(&browser).await.unwrap();
    let invitation = invite(&browser).await.unwrap();
    let door = premises.room("side-door").unwrap();
    let (status, _) = premises.station(&door, &["enrol", &invitation, ""]).unwrap();
    assert_eq!(status["enrolment"]["gate"], "Side", "{status}");

    let page = order(&premises).await.unwrap();
    premises.mail("Annie Easley").await.unwrap();
    let mails = premises.mails();
    screen::press(&browser, "aside.side nav a[href$='/orders']").await.unwrap();
    screen::fill(&browser, "#q", "annie@example.org").await.unwrap();
    screen::press(&browser, "form.filter button").await.unwrap();
    screen::press(&browser, "table.rows tbody a.cover").await.unwrap();
    screen::press(&browser, "form[action$='/mark-paid'] button").await.unwrap();
    screen::see(&browser, "h1 .pill.good").await.unwrap();
    until(PATIENCE, || (premises.mails() > mails).then_some(())).await.expect("a mail says that the tickets are there");
    let mails = premises.mails();
    screen::press(&browser, "form[action$='/resend'] button").await.unwrap();
    screen::see(&browser, "p.done").await.unwrap();
    until(PATIENCE, || (premises.mails() > mails).then_some(())).await.expect("the mail goes out once more");

    let codes = codes(&premises, &page).await.unwrap();
    assert_eq!(codes.len(), 2);
    let admitted = at_the_door(&premises, &door, &codes[0]).unwrap();
    assert_eq!(admitted.0, "admitted");
    premises.station(&door, &["sync"]).unwrap();
    assert_eq!(premises.number_of("SELECT count(*) FROM scan WHERE class = 'admitted'").await.unwrap(), 1);

    screen::press(&browser, "a[href$='/cancel']").await.unwrap();
    screen::press(&browser, "button.danger").await.unwrap();
    screen::see(&browser, "tr.off").await.unwrap();
    let refused = at_the_door(&premises, &door, &codes[1]).unwrap();
    assert_eq!(refused, ("refused".to_owned(), "canceled".to_owned()));
    assert_eq!(premises.number_of("SELECT sold FROM quota WHERE name = 'Small Hall'").await.unwrap(), 0);
    let gone = reqwest::get(format!("{page}/tickets.pdf")).await.unwrap();
    let paper = gone.headers()["content-type"] == "application/pdf";
    assert!(!paper, "a cancelled order has no tickets; its page says so: {}", gone.url());
}
