//! Papers and pictures as a scanner sees them: pages of a PDF as PNG files, and the codes on them.

use anyhow::{Context, ensure};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Rasterises a PDF (with `pdftoppm`) at `dpi` and gives one PNG a page, in order, in `folder`.
///
/// # Errors
/// When the program is missing or the file is no PDF.
pub fn pages(pdf: &Path, dpi: u32, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder)?;
    let name = pdf.file_stem().context("a name")?.to_string_lossy().into_owned();
    let output = Command::new("pdftoppm")
        .args(["-r", &dpi.to_string(), "-png"])
        .arg(pdf)
        .arg(folder.join(&name))
        .output()
        .context("pdftoppm (package poppler-utils)")?;
    ensure!(output.status.success(), "{}: {}", pdf.display(), String::from_utf8_lossy(&output.stderr));
    let mut made: Vec<PathBuf> = std::fs::read_dir(folder)?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(&format!("{name}-"))))
        .collect();
    made.sort();
    ensure!(!made.is_empty(), "{} has no pages", pdf.display());
    Ok(made)
}

/// The words of a PDF as a person copies them out of it (with `pdftotext`), each line as it stands.
///
/// # Errors
/// When the program is missing or it is no PDF.
pub fn words(pdf: &[u8]) -> anyhow::Result<String> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), pdf)?;
    let output = Command::new("pdftotext")
        .args(["-enc", "UTF-8", "-layout"])
        .arg(file.path())
        .arg("-")
        .output()
        .context("pdftotext (package poppler-utils)")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// The texts of all QR codes in a picture.
///
/// # Errors
/// When it is no picture.
pub fn codes(picture: &Path) -> anyhow::Result<Vec<String>> {
    let grey = image::open(picture).with_context(|| picture.display().to_string())?.to_luma8();
    let mut prepared = rqrr::PreparedImage::prepare(grey);
    Ok(prepared.detect_grids().into_iter().filter_map(|grid| grid.decode().ok()).map(|(_, text)| text).collect())
}

/// The texts of all QR codes of a PDF, page by page.
///
/// # Errors
/// When it cannot be read.
pub fn codes_of_paper(pdf: &Path, room: &Path) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for page in pages(pdf, 150, room)? {
        found.extend(codes(&page)?);
    }
    Ok(found)
}

/// Puts a picture before a camera that looks at `folder`: whole or not at all.
///
/// # Errors
/// When it cannot be written.
pub fn show(picture: &Path, folder: &Path, name: &str) -> anyhow::Result<()> {
    let beside = folder.join(format!("{name}.part"));
    std::fs::copy(picture, &beside)?;
    std::fs::rename(&beside, folder.join(format!("{name}.png")))?;
    Ok(())
}

/// Takes a picture away from the camera.
///
/// # Errors
/// When it is not there.
pub fn hide(folder: &Path, name: &str) -> anyhow::Result<()> {
    std::fs::remove_file(folder.join(format!("{name}.png"))).with_context(|| format!("taking {name} away"))
}
