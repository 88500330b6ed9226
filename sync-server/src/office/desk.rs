//! Who sits at which organizer's desk: a session, checked against the organizer in the address.

use super::{
    page::Frame,
    store,
    words::{self, Words},
};
use crate::{
    app::{App, Tx},
    http::{Failure, StaffCaller, StaffRole, language},
    shop::assets,
};
use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
};
use std::fmt::Display;
use willcall_domain::{
    paper::Language,
    problem::{Code, Problem},
};

/// A signed-in member of staff at the organizer the address names.
#[derive(Debug, Clone)]
pub struct Desk {
    pub app: App,
    pub caller: StaffCaller,
    pub slug: String,
    pub language: Language,
    pub words: &'static Words,
    organizer: String,
    accent: Option<String>,
    cases: i64,
    path: String,
    done: Option<&'static str>,
}

impl FromRequestParts<App> for Desk {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let caller = StaffCaller::from_request_parts(parts, app).await?;
        let params = RawPathParams::from_request_parts(parts, app).await.map_err(Failure::internal)?;
        let asked = params.iter().find(|(name, _)| *name == "organizer").map(|(_, slug)| slug.to_owned());
        let mut tx = app.begin(caller.organizer).await?;
        let head = store::head(&mut tx).await?;
        tx.rollback().await?;
        // Another organizer's desk does not exist for this session, whoever else may see it.
        if asked.as_deref() != Some(head.slug.as_str()) {
            return Err(Problem::new(Code::NotFound, "There is no such page, or you are signed in elsewhere.").into());
        }
        let language = language::of(&parts.headers);
        let words = words::of(language);
        Ok(Self {
            app: app.clone(),
            caller,
            language,
            words,
            slug: head.slug,
            organizer: head.name,
            accent: assets::accent_css(&head.accent),
            cases: head.open_cases,
            path: parts.uri.path_and_query().map_or_else(String::new, |p| p.as_str().to_owned()),
            done: parts.uri.query().and_then(|query| done(query, words)),
        })
    }
}

impl Desk {
    /// A transaction at this organizer.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn begin(&self) -> Result<Tx, Failure> {
        let mut tx = self.app.begin(self.caller.organizer).await?;
        tx.by = Some(self.caller.staff);
        Ok(tx)
    }

    /// A transaction that may write, for those who may.
    ///
    /// # Errors
    /// When this person may only look, or the database is away.
    pub async fn begin_change(&self) -> Result<Tx, Failure> {
        self.caller.require(StaffRole::Manager)?;
        self.begin().await
    }

    /// An address of this desk; `path` begins with a slash.
    #[must_use]
    pub fn url(&self, path: impl Display) -> String {
        format!("/office/{}{path}", self.slug)
    }

    /// What every page shows around itself. `here` is the entry of the navigation.
    #[must_use]
    pub fn frame(&self, here: &'static str) -> Frame {
        let (other_tag, other_language) = super::page::other(self.language);
        Frame {
            w: self.words,
            assets: assets::assets(),
            accent: self.accent.clone(),
            tag: language::tag(self.language),
            base: self.url(""),
            organizer: self.organizer.clone(),
            staff: self.caller.name.clone(),
            csrf: self.caller.csrf.clone(),
            may_edit: self.caller.role >= StaffRole::Manager,
            owns: self.caller.role >= StaffRole::Owner,
            cases: self.cases,
            here,
            done: self.done,
            path: self.path.clone(),
            other_tag,
            other_language,
        }
    }
}

/// What was just done, as the address says after a redirect; anything else says nothing.
fn done(query: &str, words: &'static Words) -> Option<&'static str> {
    let (_, what) = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "done")?;
    match what.as_ref() {
        "saved" => Some(&words.done_saved),
        "event" => Some(&words.done_event),
        "paid" => Some(&words.done_paid),
        "canceled" => Some(&words.done_canceled),
        "resent" => Some(&words.done_resent),
        "revoked" => Some(&words.done_revoked),
        "closed" => Some(&words.done_closed),
        _ => None,
    }
}
