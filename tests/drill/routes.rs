//! Every route of the server, read from its source: a route that is added is drilled without being listed here.

use anyhow::ensure;
use reqwest::Method;
use std::path::PathBuf;
use willcall_tests::built::repository;

/// One method of one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub method: Method,
    /// With `{names}` for what varies.
    pub path: String,
}

impl Route {
    /// Whether asking by it changes nothing.
    pub fn reads(&self) -> bool {
        self.method == Method::GET
    }

    /// The path with its names filled by `value`.
    pub fn filled(&self, value: impl Fn(&str) -> String) -> String {
        let mut filled = String::new();
        let mut rest = self.path.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}').unwrap_or((after, ""));
            filled.push_str(before);
            filled.push_str(&value(name));
            rest = behind;
        }
        filled + rest
    }
}

/// All of them.
///
/// # Errors
/// When the source is not there, or looks so different that routes are missed.
pub fn all() -> anyhow::Result<Vec<Route>> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![repository().join("sync-server/src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.extend(read(&std::fs::read_to_string(&path)?));
            }
        }
    }
    found.sort_by(|a, b| (&a.path, a.method.as_str()).cmp(&(&b.path, b.method.as_str())));
    found.dedup();
    ensure!(found.len() >= 40, "only {} routes were found in the source", found.len());
    Ok(found)
}

/// The routes of one file: `.route("/path", get(a).post(b))`, also over several lines.
fn read(source: &str) -> Vec<Route> {
    let mut found = Vec::new();
    for piece in source.split(".route(").skip(1) {
        let Some((path, rest)) = piece.trim_start().strip_prefix('"').and_then(|p| p.split_once('"')) else { continue };
        let handlers = &rest[..end(rest)];
        let methods = [
            ("get(", Method::GET),
            ("post(", Method::POST),
            ("put(", Method::PUT),
            ("patch(", Method::PATCH),
            ("delete(", Method::DELETE),
            ("any(", Method::POST),
        ];
        for (word, method) in methods {
            let called = handlers.match_indices(word).any(|(at, _)| {
                let before = handlers[..at].chars().next_back();
                before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
            });
            if called {
                found.push(Route { method, path: path.to_owned() });
            }
        }
    }
    found
}

/// Where the parenthesis closes that was opened before `text`.
fn end(text: &str) -> usize {
    let mut depth = 1;
    for (at, letter) in text.char_indices() {
        depth += match letter {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_read_with_all_their_methods() {
        let source = r#"Router::new()
            .route("/a/{x}", get(show).post(a::widget(1)))
            .route(
                "/b",
                axum::routing::post(make),
            )
            .route("/c", budget(nothing))"#;
        let read: Vec<String> = read(source).iter().map(|r| format!("{} {}", r.method, r.path)).collect();
        assert_eq!(read, ["GET /a/{x}", "POST /a/{x}", "POST /b"]);
    }

    #[test]
    fn names_in_a_path_are_filled() {
        let route = Route { method: Method::GET, path: "/{organizer}/x/{event}.pdf".to_owned() };
        assert_eq!(route.filled(str::to_uppercase), "/ORGANIZER/x/EVENT.pdf");
    }

    #[test]
    fn the_servers_routes_are_found() {
        let all = all().unwrap();
        for wanted in ["/livez", "/office/{organizer}/orders", "/api/station/v1/journal"] {
            assert!(all.iter().any(|r| r.path == wanted), "{wanted}");
        }
        assert!(all.iter().any(|r| !r.reads()));
    }
}
