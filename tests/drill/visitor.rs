//! Somebody who asks the server by HTTP, as whoever they say they are. Keeps no cookies of its own accord and follows
//! nothing, so that what was answered is what is seen.

use anyhow::{Context, ensure};
use ed25519_dalek::SigningKey;
use reqwest::{Client, Method, StatusCode, redirect::Policy};
use serde_json::{Value, json};
use std::time::Duration;
use willcall_domain::entropy::{self, OsEntropy};
use willcall_tests::server::field_value;

/// Who asks.
#[derive(Debug, Clone)]
pub struct Visitor {
    http: Client,
    url: String,
    /// The whole `Cookie` header.
    pub cookie: Option<String>,
    pub csrf: String,
    pub bearer: Option<String>,
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Answered {
    pub status: StatusCode,
    /// Where it sends the visitor; empty for nowhere.
    pub location: String,
    pub cookie: Option<String>,
    pub body: String,
}

impl Answered {
    /// Whether something was given or done: not refused, and not sent to sign in.
    pub fn accepted(&self) -> bool {
        self.status.is_success() || (self.status.is_redirection() && !self.location.contains("/office/sign-in"))
    }
}

impl Visitor {
    /// Nobody.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn nobody(url: &str) -> anyhow::Result<Self> {
        let http = Client::builder().redirect(Policy::none()).timeout(Duration::from_secs(30)).build()?;
        Ok(Self { http, url: url.to_owned(), cookie: None, csrf: String::new(), bearer: None })
    }

    /// Somebody with a session of the back office.
    ///
    /// # Errors
    /// When the sign-in is refused.
    pub async fn staff(url: &str, email: &str, password: &str) -> anyhow::Result<Self> {
        let mut visitor = Self::nobody(url)?;
        let answer = visitor.form("/office/sign-in", &[("email", email), ("password", password)]).await?;
        let cookie = answer.cookie.with_context(|| format!("{email} got {} and no session", answer.status))?;
        visitor.cookie = Some(cookie.split(';').next().unwrap_or_default().to_owned());
        let desk = visitor.ask(&Method::GET, "/office").await?.location;
        let page = visitor.ask(&Method::GET, &desk).await?;
        visitor.csrf = field_value(&page.body, "csrf").with_context(|| format!("no csrf on {desk}"))?;
        Ok(visitor)
    }

    /// A device, by spending an enrolment token; also what the server answered.
    ///
    /// # Errors
    /// When the token is refused.
    pub async fn device(url: &str, token: &str) -> anyhow::Result<(Self, Value)> {
        let mut visitor = Self::nobody(url)?;
        let key = SigningKey::from_bytes(&entropy::bytes::<32>(&OsEntropy));
        let body = json!({
            "token": token, "software": "drill", "public_key": hex::encode(key.verifying_key().as_bytes()),
        });
        let answer = visitor.json(&Method::POST, "/api/station/v1/enrol", &body).await?;
        ensure!(answer.status.is_success(), "enrolment: {} {}", answer.status, answer.body);
        let answer: Value = serde_json::from_str(&answer.body)?;
        visitor.bearer = answer["device_token"].as_str().map(str::to_owned);
        ensure!(visitor.bearer.is_some(), "no device token came");
        Ok((visitor, answer))
    }

    /// Asks without a body.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn ask(&self, method: &Method, path: &str) -> anyhow::Result<Answered> {
        self.send(self.request(method, path)).await
    }

    /// Sends a form, with the session's `csrf`.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> anyhow::Result<Answered> {
        let fields: Vec<(&str, &str)> = [("csrf", self.csrf.as_str())].iter().chain(fields).copied().collect();
        self.send(self.request(&Method::POST, path).form(&fields)).await
    }

    /// Sends JSON.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn json(&self, method: &Method, path: &str, body: &Value) -> anyhow::Result<Answered> {
        self.send(self.request(method, path).json(body)).await
    }

    fn request(&self, method: &Method, path: &str) -> reqwest::RequestBuilder {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.url));
        if !path.starts_with("/api/") {
            request = request.header("accept", "text/html").header("origin", &self.url);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        if let Some(bearer) = &self.bearer {
            request = request.bearer_auth(bearer);
        }
        request
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Answered> {
        let answer = request.send().await?;
        let header = |name: &str| answer.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let (status, location, cookie) =
            (answer.status(), header("location").unwrap_or_default(), header("set-cookie"));
        let body = String::from_utf8_lossy(&answer.bytes().await?).into_owned();
        Ok(Answered { status, location, cookie, body })
    }
}
