//! The one window: its size, its title, and where it may not go.

use tauri::{AppHandle, Manager, Runtime, WebviewUrl, WebviewWindow, WebviewWindowBuilder};

/// The name commands, events and rights know the window by.
pub const LABEL: &str = "main";

/// Opens the window with its screens.
///
/// # Errors
/// The system's web view cannot be opened.
pub fn open<R: Runtime>(app: &AppHandle<R>) -> tauri::Result<WebviewWindow<R>> {
    WebviewWindowBuilder::new(app, LABEL, WebviewUrl::default())
        .title("Willcall")
        .inner_size(1280.0, 800.0)
        .min_inner_size(768.0, 640.0)
        .on_navigation(|url| is_our_own(url.scheme(), url.host_str()))
        .build()
}

/// Brings the window before all others.
pub fn come_forward<R: Runtime>(app: &AppHandle<R>) {
    let Some(window) = app.get_webview_window(LABEL) else { return };
    for done in [window.unminimize(), window.show(), window.set_focus()] {
        if let Err(error) = done {
            tracing::warn!(%error, "the window does not come forward");
        }
    }
}

/// Fills the screen where guests scan by themselves, and leaves it again.
pub fn fill_screen<R: Runtime>(app: &AppHandle<R>, whole: bool) {
    let Some(window) = app.get_webview_window(LABEL) else { return };
    let is_whole = window.is_fullscreen().unwrap_or(false);
    if is_whole != whole
        && let Err(error) = window.set_fullscreen(whole)
    {
        tracing::warn!(%error, "the window does not fill the screen");
    }
}

/// A program whose one window says nothing but `sentence`, for who started it from an icon and sees no terminal.
pub fn with_sentence(sentence: &str) -> tauri::Builder<tauri::Wry> {
    let page = page(sentence);
    tauri::Builder::default()
        .register_uri_scheme_protocol("sentence", move |_, _| {
            let mut answer = tauri::http::Response::new(page.clone().into_bytes());
            let html = tauri::http::HeaderValue::from_static("text/html; charset=utf-8");
            answer.headers_mut().insert(tauri::http::header::CONTENT_TYPE, html);
            answer
        })
        .setup(|app| {
            let address = WebviewUrl::CustomProtocol(tauri::Url::parse("sentence://localhost/")?);
            WebviewWindowBuilder::new(app, "sentence", address).title("Willcall").inner_size(640.0, 280.0).build()?;
            Ok(())
        })
}

fn page(sentence: &str) -> String {
    let escaped = sentence.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!(
        "<!doctype html><meta charset=\"utf-8\"><title>Willcall</title><style>:root{{color-scheme:light dark}}p{{font:20px/1.5 \
         sans-serif;margin:48px}}</style><p role=\"alert\">{escaped}</p>"
    )
}

/// Whether an address belongs to the screens this program carries, or to the server used while working on them.
fn is_our_own(scheme: &str, host: Option<&str>) -> bool {
    match scheme {
        "tauri" => true,
        "http" | "https" => host == Some("tauri.localhost") || (cfg!(dev) && host == Some("localhost")),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_shown_as_words_whatever_it_holds() {
        assert!(page("<b>no</b> & more").contains("<p role=\"alert\">&lt;b&gt;no&lt;/b&gt; &amp; more</p>"));
    }

    #[test]
    fn the_window_never_leaves_its_own_screens() {
        assert!(is_our_own("tauri", Some("localhost")));
        assert!(is_our_own("http", Some("tauri.localhost")), "how Windows names them");
        for (scheme, host) in [("https", Some("example.org")), ("file", None), ("data", None), ("javascript", None)] {
            assert!(!is_our_own(scheme, host), "{scheme}");
        }
    }
}
