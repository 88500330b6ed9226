//! What pages load besides themselves: one style sheet, one typeface, one icon. Embedded, named by their content so that
//! browsers keep them for ever, packed once.

use super::accent::{Colour, Colours};
use axum::{
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use std::{collections::HashMap, io::Write, sync::OnceLock};

/// The folder of everything below, in addresses.
const ROOT: &str = "/static";
const CSS: &str = "text/css; charset=utf-8";
const WOFF2: &str = "font/woff2";

macro_rules! font {
    ($($name:literal),+ $(,)?) => {
        [$(($name, &include_bytes!(concat!("../../../assets/fonts/", $name))[..])),+]
    };
}

/// One file as it is sent.
#[derive(Debug, Clone)]
struct File {
    kind: &'static str,
    plain: Bytes,
    /// Only where packing makes it smaller.
    packed: Option<Bytes>,
}

/// Every file by its name with its digest, and the addresses pages use.
#[derive(Debug)]
pub struct Assets {
    files: HashMap<String, File>,
    /// The shop's style sheet: tokens, typeface, shop.
    pub shop_css: String,
    /// The back office's: tokens, typeface, office.
    pub office_css: String,
    /// The part of the typeface every page needs.
    pub font: String,
    pub icon: String,
}

impl Assets {
    fn embedded() -> Self {
        let mut assets = Self {
            files: HashMap::new(),
            shop_css: String::new(),
            office_css: String::new(),
            font: String::new(),
            icon: String::new(),
        };
        let mut faces = include_str!("../../../assets/design/fonts.css").to_owned();
        for (name, bytes) in font![
            "inter-latin.woff2",
            "inter-latin-ext.woff2",
            "inter-vietnamese.woff2",
            "inter-greek.woff2",
            "inter-greek-ext.woff2",
            "inter-cyrillic.woff2",
            "inter-cyrillic-ext.woff2",
        ] {
            let address = assets.add(name, WOFF2, Bytes::from_static(bytes));
            faces = faces.replace(&format!("../fonts/{name}"), &address);
            if name == "inter-latin.woff2" {
                assets.font = address;
            }
        }
        let tokens = include_str!("../../../assets/design/tokens.css");
        let sheet = |own: &str| Bytes::from(slim(&[&faces, tokens, own].join("\n")));
        assets.shop_css = assets.add("shop.css", CSS, sheet(include_str!("../../../assets/shop/shop.css")));
        assets.office_css = assets.add("office.css", CSS, sheet(include_str!("../../../assets/office/office.css")));
        let icon = include_bytes!("../../../assets/icons/app/icon.svg");
        assets.icon = assets.add("icon.svg", "image/svg+xml", Bytes::from_static(icon));
        assets
    }

    /// Keeps a file under a name that says what is in it; answers its address.
    fn add(&mut self, name: &str, kind: &'static str, plain: Bytes) -> String {
        let digest = hex::encode(&crate::http::token::hash(&plain)[..6]);
        let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
        let name = format!("{stem}.{digest}.{ending}");
        let packed = pack(&plain).filter(|packed| packed.len() + 64 < plain.len());
        self.files.insert(name.clone(), File { kind, plain, packed });
        format!("{ROOT}/{name}")
    }
}

/// The embedded files.
#[must_use]
pub fn assets() -> &'static Assets {
    static ASSETS: OnceLock<Assets> = OnceLock::new();
    ASSETS.get_or_init(Assets::embedded)
}

/// The style sheet of an organizer's accent; `None` for the house's own, which the tokens hold already.
#[must_use]
pub fn accent_css(chosen: &str) -> Option<String> {
    let colour = Colour::parse(chosen)?.hex();
    (colour != "#7a2e3a").then(|| format!("{ROOT}/accent-{}.css", colour.trim_start_matches('#')))
}

/// `GET /static/{file}`.
pub async fn serve(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let file = assets().files.get(&name).cloned().or_else(|| accent(&name));
    let Some(file) = file else { return StatusCode::NOT_FOUND.into_response() };
    let takes_gzip = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok()).any(|v| {
        v.split(',').any(|coding| {
            coding.trim().split(';').next() == Some("gzip") && !coding.contains("q=0,") && !coding.ends_with("q=0")
        })
    });
    let packed = file.packed.filter(|_| takes_gzip);
    let mut response = Response::new(axum::body::Body::from(packed.clone().unwrap_or(file.plain)));
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.kind));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    out.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    // Also for files that are not packed, or the compression of all answers would pack the typeface once more.
    let coding = if packed.is_some() { "gzip" } else { "identity" };
    out.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    response
}

/// `accent-7a2e3a.css`: follows from its name alone.
fn accent(name: &str) -> Option<File> {
    let chosen = name.strip_prefix("accent-")?.strip_suffix(".css")?;
    Colour::parse(chosen)?;
    Some(File { kind: CSS, plain: Bytes::from(Colours::of(chosen).css()), packed: None })
}

fn pack(plain: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 3), Compression::best());
    encoder.write_all(plain).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

/// Without comments and needless blanks. Our style sheets hold no strings with comment marks in them.
fn slim(css: &str) -> String {
    let mut out = String::with_capacity(css.len());
    let mut rest = css;
    while let Some((before, after)) = rest.split_once("/*") {
        out.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, behind)| behind);
    }
    out.push_str(rest);
    out.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_style_sheet_names_only_files_that_are_there() {
        let assets = assets();
        let file = |address: &str| assets.files.get(address.strip_prefix("/static/").unwrap()).cloned();
        let css = String::from_utf8(file(&assets.shop_css).unwrap().plain.to_vec()).unwrap();
        let named: Vec<&str> =
            css.split("url(\"").skip(1).filter_map(|s| s.split_once('"')).map(|(url, _)| url).collect();
        assert!(named.len() >= 7, "{named:?}");
        for url in named {
            assert!(file(url).is_some(), "{url} is not embedded");
        }
        assert!(!css.contains("/*") && !css.contains("http"), "no comments, nothing from elsewhere");
        assert!(file(&assets.font).is_some() && file(&assets.icon).is_some());
    }

    #[test]
    fn what_a_cold_page_loads_besides_itself_stays_under_its_budget() {
        let assets = assets();
        let size = |address: &str| {
            let file = &assets.files[address.strip_prefix("/static/").unwrap()];
            file.packed.as_ref().unwrap_or(&file.plain).len()
        };
        let all = size(&assets.shop_css) + size(&assets.font) + size(&assets.icon);
        assert!(
            all < 75_000,
            "{all} bytes: a page may be 150 kB cold, with a second script's typeface and its own text"
        );
    }

    #[test]
    fn comments_are_left_out_of_style_sheets() {
        assert_eq!(slim("a { b: c }\n/* x\n y */\n\n  d { e: f }"), "a { b: c }\nd { e: f }");
    }
}
