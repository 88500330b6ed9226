//! Tickets and receipts, as they come from the printer.

use crate::{
    Stage,
    album::{Album, LANGUAGES},
};
use anyhow::Context;
use std::path::PathBuf;
use willcall_tests::picture;

/// The tickets of a paid order.
pub async fn download(stage: &Stage, page: &str) -> anyhow::Result<PathBuf> {
    let paper = reqwest::get(format!("{page}/tickets.pdf")).await?.error_for_status()?.bytes().await?;
    let pdf = stage.premises.room("paper")?.join("tickets.pdf");
    std::fs::write(&pdf, paper)?;
    Ok(pdf)
}

pub async fn pictures(stage: &Stage, album: &Album) -> anyhow::Result<()> {
    let orders = stage.orders.as_ref().context("orders")?;
    for (language, page) in LANGUAGES.iter().zip(&orders.paid) {
        let pdf = download(stage, page).await?;
        let pages = picture::pages(&pdf, 110, &stage.premises.room(&format!("paper/{language}"))?)?;
        for name in [0, pages.len() - 1] {
            album.add(&format!("paper-ticket-{}.{language}", name + 1), &std::fs::read(&pages[name])?)?;
        }
    }
    // What the till printed, in the language its window had then.
    let printed = stage.premises.room("till/print")?;
    for file in std::fs::read_dir(&printed)?.flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        let what = name.split('-').next().unwrap_or_default().to_owned();
        let dpi = if what == "receipt" { 160 } else { 110 };
        for (n, page) in
            picture::pages(&file.path(), dpi, &stage.premises.room(&format!("paper/{what}"))?)?.iter().enumerate()
        {
            album.add(&format!("paper-till-{what}-{}", n + 1), &std::fs::read(page)?)?;
        }
    }
    Ok(())
}
