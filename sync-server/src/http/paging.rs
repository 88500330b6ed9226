//! Lists are read in pages, by a cursor that names the last row seen: no row is skipped or doubled when others are added.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use willcall_domain::problem::Problem;

/// Rows of a page unless asked otherwise, and at most.
const USUAL: u32 = 50;
const MOST: u32 = 500;

/// What a list request may say: `?limit=&after=`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Paging {
    pub limit: Option<u32>,
    pub after: Option<String>,
}

/// One page.
#[derive(Debug, Clone, Serialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// What to send as `after` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Paging {
    /// Rows to return, at least 1, at most 500.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit.unwrap_or(USUAL).clamp(1, MOST)
    }

    /// Rows to read from the database: one more than returned, to know whether there is a next page.
    #[must_use]
    pub fn fetch(&self) -> i64 {
        i64::from(self.limit()) + 1
    }

    /// The key of the last row seen, as [`Paging::page`] made it.
    ///
    /// # Errors
    /// When `after` is nothing this server gave.
    pub fn after<K: DeserializeOwned>(&self) -> Result<Option<K>, Problem> {
        self.after.as_deref().filter(|a| !a.is_empty()).map(decode).transpose()
    }

    /// Cuts what was fetched to a page; `key` is what the order of the list is by.
    #[must_use]
    pub fn page<T, K: Serialize>(&self, mut rows: Vec<T>, key: impl Fn(&T) -> K) -> Page<T> {
        let limit = self.limit() as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|last| encode(&key(last)));
        Page { items: rows, next }
    }
}

fn encode<K: Serialize>(key: &K) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).unwrap_or_default())
}

fn decode<K: DeserializeOwned>(text: &str) -> Result<K, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    bytes
        .and_then(|b| serde_json::from_slice(&b).ok())
        .ok_or_else(|| Problem::field("after", "this is no cursor of this list; begin without it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_whether_there_is_another_and_where_it_begins() {
        let paging = Paging { limit: Some(2), after: None };
        let page = paging.page(vec![1, 2, 3], |n| *n);
        assert_eq!(page.items, [1, 2]);
        let next = Paging { limit: Some(2), after: page.next };
        assert_eq!(next.after::<i32>().unwrap(), Some(2));
        assert_eq!(next.page(vec![3], |n| *n).next, None);
        assert!(Paging { limit: None, after: Some("!".into()) }.after::<i32>().is_err());
        assert_eq!(Paging { limit: Some(0), after: None }.limit(), 1);
    }
}
