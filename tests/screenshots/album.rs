//! Where pictures go and what they are called: `part-screen.language.theme.png`. Knows how a whole web page, longer than
//! any screen, is taken.

use anyhow::{Context, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use std::{
    cell::Cell,
    path::{Path, PathBuf},
};
use thirtyfour::WebDriver;
use willcall_tests::screen::PATIENCE;

pub const LANGUAGES: [&str; 2] = ["en", "de"];
pub const THEMES: [&str; 2] = ["light", "dark"];

/// The folder.
pub struct Album {
    folder: PathBuf,
    count: Cell<usize>,
}

impl Album {
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_owned(), count: Cell::new(0) })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn count(&self) -> usize {
        self.count.get()
    }

    pub fn add(&self, name: &str, png: &[u8]) -> anyhow::Result<()> {
        let path = self.folder.join(format!("{name}.png"));
        std::fs::write(&path, png).with_context(|| path.display().to_string())?;
        self.count.set(self.count.get() + 1);
        Ok(())
    }

    /// What the window shows now.
    pub async fn window(&self, web: &WebDriver, name: &str) -> anyhow::Result<()> {
        still(web).await?;
        self.add(name, &web.screenshot_as_png().await?)
    }

    /// The whole page at `width`, in both themes. A page that is wider than its screen is a fault.
    pub async fn page(&self, web: &WebDriver, name: &str, language: &str, width: u32) -> anyhow::Result<()> {
        let phone = width < 600;
        let suffix = if phone { ".phone" } else { "" };
        for theme in THEMES {
            let scheme = json!({ "features": [
                { "name": "prefers-color-scheme", "value": theme },
                { "name": "prefers-reduced-motion", "value": "reduce" },
            ]});
            devtools(web, "Emulation.setEmulatedMedia", scheme).await?;
            let screen = json!({ "width": width, "height": 820, "deviceScaleFactor": 1, "mobile": phone });
            devtools(web, "Emulation.setDeviceMetricsOverride", screen).await?;
            still(web).await?;
            let tall = web.execute("return document.documentElement.scrollHeight", vec![]).await?;
            let tall = tall.json().as_f64().unwrap_or_default().max(820.0);
            let screen = json!({ "width": width, "height": tall, "deviceScaleFactor": 1, "mobile": phone });
            devtools(web, "Emulation.setDeviceMetricsOverride", screen).await?;
            still(web).await?;
            let wide = web.execute("return document.documentElement.scrollWidth", vec![]).await?;
            let wide = wide.json().as_f64().unwrap_or_default();
            ensure!(wide <= f64::from(width), "{name} ({language}) is {wide} px wide on a screen of {width} px");
            let whole = json!({ "format": "png", "captureBeyondViewport": true });
            let answer = devtools(web, "Page.captureScreenshot", whole).await?;
            let png = BASE64_STANDARD.decode(answer["data"].as_str().context("a picture")?)?;
            self.add(&format!("{name}{suffix}.{language}.{theme}"), &png)?;
        }
        Ok(())
    }
}

/// Waits until nothing on the screen moves any more.
pub async fn still(web: &WebDriver) -> anyhow::Result<()> {
    const MOVING: &str = "return document.getAnimations().filter((a) => a.playState === 'running').length";
    let end = tokio::time::Instant::now() + PATIENCE;
    while web.execute(MOVING, vec![]).await?.json().as_u64() != Some(0) {
        ensure!(tokio::time::Instant::now() < end, "the screen does not come to rest");
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Asks Chromium's developer tools through its driver.
async fn devtools(web: &WebDriver, command: &str, params: Value) -> anyhow::Result<Value> {
    let url = format!("session/{}/goog/cdp/execute", web.session_id());
    let request =
        reqwest::Client::new().post(web.server_url().join(&url)?).json(&json!({ "cmd": command, "params": params }));
    let answer: Value = request.send().await?.json().await?;
    ensure!(answer["value"]["error"].is_null(), "{command}: {answer}");
    Ok(answer["value"].clone())
}
