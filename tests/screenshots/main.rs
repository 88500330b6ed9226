//! Pictures of every screen of the real window and the real server with demo data, in both languages, light and dark,
//! into `screenshots/`. For eyes: nothing is compared here.
//!
//! `cargo run -p willcall-tests --bin screenshots [-- PART…]`, parts: `shop`, `window`, `office`, `paper`.

mod album;
mod office;
mod paper;
mod shop;
mod window;

use album::Album;
use anyhow::{Context, bail};
use serde_json::Value;
use willcall_tests::{built, premises::Premises};

const PARTS: [&str; 4] = ["shop", "window", "office", "paper"];

/// The demo as the parts need it.
struct Stage {
    premises: Premises,
    shown: Value,
    /// Pages of a paid order and one that waits for its money.
    orders: Option<shop::Orders>,
    /// A second till, and what is on its way to it.
    second: Option<window::SecondTill>,
}

impl Stage {
    fn password(&self) -> anyhow::Result<&str> {
        self.shown["password"].as_str().context("a password")
    }

    /// The enrolment token of a device of the demo.
    fn token(&self, name: &str) -> anyhow::Result<&str> {
        let devices = self.shown["devices"].as_array().context("devices")?;
        let device = devices.iter().find(|d| d["name"] == name).with_context(|| format!("a device {name}"))?;
        device["token"].as_str().context("a token")
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut parts: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = parts.iter().find(|part| !PARTS.contains(&part.as_str())) {
        bail!("there is no part {unknown}; there are {}", PARTS.join(", "));
    }
    if parts.is_empty() {
        parts = PARTS.map(str::to_owned).into();
    }
    let wanted = |part: &str| parts.iter().any(|p| p == part);
    let album = Album::open(&built::repository().join("screenshots"))?;
    // Many forms are sent from here in a short time.
    let (premises, shown) = Premises::demo(&[("WILLCALL_RATE_LIMITS", "off")]).await?;
    let mut stage = Stage { premises, shown, orders: None, second: None };
    stage.orders = Some(shop::order(&stage).await?);
    office::prepare(&stage).await?;
    if wanted("shop") {
        shop::pictures(&stage, &album).await?;
    }
    if wanted("window") || wanted("office") || wanted("paper") {
        window::pictures(&mut stage, &album, wanted("window")).await?;
    }
    if wanted("office") {
        office::pictures(&stage, &album).await?;
    }
    if wanted("paper") {
        paper::pictures(&stage, &album).await?;
    }
    println!("{} pictures in {}", album.count(), album.folder().display());
    Ok(())
}
