//! What a browser sent as a form, kept as typed so that it can be shown again, and what is wrong with it.

use super::words::Words;
use crate::http::Failure;
use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
};
use std::fmt::Display;
use willcall_domain::{
    catalog::draft::Wrong,
    paper::Language,
    problem::{Code, Problem},
};

/// The fields of a form in their order; a name may come more than once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Typed(Vec<(String, String)>);

impl Typed {
    /// A form as it is filled from what is stored, or for something new.
    #[must_use]
    pub fn of<const N: usize>(fields: [(&str, String); N]) -> Self {
        Self(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Switches a checkbox on.
    #[must_use]
    pub fn on(mut self, name: &str, on: bool) -> Self {
        if on {
            self.0.push((name.to_owned(), "on".to_owned()));
        }
        self
    }

    /// Adds a value of a field that may have several.
    #[must_use]
    pub fn with(mut self, name: &str, values: impl IntoIterator<Item = impl Display>) -> Self {
        self.0.extend(values.into_iter().map(|value| (name.to_owned(), value.to_string())));
        self
    }

    /// Drops a field.
    pub fn forget(&mut self, name: &str) {
        self.0.retain(|(n, _)| n != name);
    }

    /// The value of a field; empty where it was not sent.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    /// Whether a checkbox is on.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.text(name) == "on"
    }

    /// Whether one of the values of a field is `value`.
    #[must_use]
    pub fn has(&self, name: &str, value: &i64) -> bool {
        self.numbers(name).contains(value)
    }

    /// Whether one of the values of a field is this word.
    #[must_use]
    pub fn says(&self, name: &str, word: &str) -> bool {
        self.0.iter().any(|(n, value)| n == name && value == word)
    }

    /// The values of a field that are numbers: ids of checkboxes.
    #[must_use]
    pub fn numbers(&self, name: &str) -> Vec<i64> {
        self.0.iter().filter(|(n, _)| n == name).filter_map(|(_, value)| value.parse().ok()).collect()
    }
}

impl<S: Send + Sync> FromRequest<S> for Typed {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let unread = |e: axum::extract::rejection::BytesRejection| Problem::new(Code::TooLarge, e.body_text());
        let body = Bytes::from_request(request, state).await.map_err(unread)?;
        Ok(Self(url::form_urlencoded::parse(&body).into_owned().collect()))
    }
}

/// What is wrong with a form, as sentences.
#[derive(Debug, Clone, Default)]
pub struct Errors(Vec<(&'static str, String)>);

impl Errors {
    #[must_use]
    pub fn new(wrong: &[Wrong], words: &Words, language: Language) -> Self {
        Self(wrong.iter().map(|(field, error)| (*field, words.error(error, language))).collect())
    }

    /// The sentence beside a field; empty where nothing is wrong.
    #[must_use]
    pub fn of(&self, field: &str) -> &str {
        self.0.iter().find(|(name, _)| *name == field).map_or("", |(_, sentence)| sentence)
    }

    /// How many fields are wrong.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    #[tokio::test]
    async fn a_form_is_read_as_typed_and_a_field_may_come_more_than_once() {
        let request = Request::new(Body::from("name=M%C3%BCller+%26+Co&items=3&items=x&items=5&live=on"));
        let typed = Typed::from_request(request, &()).await.unwrap();
        assert_eq!(typed.text("name"), "Müller & Co");
        assert_eq!(typed.numbers("items"), [3, 5], "what is no id is no choice");
        assert!(typed.is("live") && !typed.is("dark"));
        assert_eq!(typed.text("missing"), "");
    }
}
