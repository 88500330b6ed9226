//! A person at a page or at the window: looks, waits, presses, types. Waits for what shall be there and never for time;
//! what does not come is told with what the page showed instead.

use anyhow::{Context, bail};
use std::{cell::Cell, time::Duration};
use thirtyfour::{By, WebDriver, WebElement};

/// How long a person waits for a screen. Generous: machines that test are often busy.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// How often one looks.
const LOOK: Duration = Duration::from_millis(25);

/// The selector of an element by its `data-testid`.
#[must_use]
pub fn id(testid: &str) -> String {
    format!("[data-testid='{testid}']")
}

/// Waits until something that fits `css` is shown.
///
/// # Errors
/// When it does not come.
pub async fn see(web: &WebDriver, css: &str) -> anyhow::Result<WebElement> {
    let shown = wait(|| async {
        let found = web.find(By::Css(css)).await.ok()?;
        found.is_displayed().await.ok()?.then_some(found)
    });
    match shown.await {
        Some(found) => Ok(found),
        None => bail!("{css} was not shown within {PATIENCE:?}. {}", what_is_there(web).await),
    }
}

/// Waits until nothing fits `css` any more.
///
/// # Errors
/// When it stays.
pub async fn gone(web: &WebDriver, css: &str) -> anyhow::Result<()> {
    let gone = wait(|| async { web.find_all(By::Css(css)).await.ok()?.is_empty().then_some(()) });
    match gone.await {
        Some(()) => Ok(()),
        None => bail!("{css} was still there after {PATIENCE:?}. {}", what_is_there(web).await),
    }
}

/// Waits for it and presses it.
///
/// # Errors
/// When it does not come or cannot be pressed.
pub async fn press(web: &WebDriver, css: &str) -> anyhow::Result<()> {
    // What is redrawn between being found and being pressed is looked for again.
    let why = Cell::new(String::new());
    let pressed = wait(|| async {
        let pressed = async { web.find(By::Css(css)).await?.click().await };
        pressed.await.map_err(|error| why.set(error.to_string())).ok()
    });
    match pressed.await {
        Some(()) => Ok(()),
        None => {
            let why = why.take();
            bail!("{css} could not be pressed within {PATIENCE:?} ({why}). {}", what_is_there(web).await)
        }
    }
}

/// Empties a field and types `text` into it.
///
/// # Errors
/// When it does not come or takes no text.
pub async fn fill(web: &WebDriver, css: &str, text: &str) -> anyhow::Result<()> {
    let field = see(web, css).await?;
    field.clear().await.with_context(|| format!("emptying {css}"))?;
    field.send_keys(text).await.with_context(|| format!("typing into {css}"))
}

/// Chooses the option with `value` of a select.
///
/// # Errors
/// When there is none.
pub async fn choose(web: &WebDriver, css: &str, value: &str) -> anyhow::Result<()> {
    see(web, css).await?;
    press(web, &format!("{css} option[value='{value}']")).await
}

/// The text shown by the first that fits.
///
/// # Errors
/// When it does not come.
pub async fn read(web: &WebDriver, css: &str) -> anyhow::Result<String> {
    Ok(see(web, css).await?.text().await?)
}

/// An attribute of the first that fits.
///
/// # Errors
/// When it does not come or has no such attribute.
pub async fn attribute(web: &WebDriver, css: &str, name: &str) -> anyhow::Result<String> {
    let found = see(web, css).await?;
    found.attr(name).await?.with_context(|| format!("{css} has no attribute {name}"))
}

/// Presses keys one after another without a pause.
///
/// # Errors
/// When the window does not take keys.
pub async fn keys(web: &WebDriver, text: &str) -> anyhow::Result<()> {
    let chain = web.action_chain_with_delay(Some(Duration::ZERO), Some(Duration::ZERO));
    chain.send_keys(text).perform().await.context("pressing keys")
}

/// Asks again and again until there is an answer; `None` when there is none in time.
async fn wait<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> Option<T> {
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return Some(answer);
        }
        if tokio::time::Instant::now() >= end {
            return None;
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn what_is_there(web: &WebDriver) -> String {
    let address = web.current_url().await.map_or_else(|e| e.to_string(), |url| url.to_string());
    let text = match web.find(By::Css("body")).await {
        Ok(body) => body.text().await.unwrap_or_else(|e| e.to_string()),
        Err(error) => error.to_string(),
    };
    let text: String = text.chars().take(1_500).collect();
    format!("{address} shows:\n{text}")
}
