//! Who asks: staff with a session, a device with its token, or anybody from some address. A handler that names one of
//! these types cannot be reached by another.

use super::{
    problem::Failure,
    store,
    token::{Kind, Token},
};
use crate::app::{App, Tx};
use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};
use ed25519_dalek::VerifyingKey;
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};
use willcall_domain::{
    clock::UtcMillis,
    devices::wire::{Right, Role},
    entropy,
    id::{DeviceId, EventId, OrganizerId, StaffId},
    problem::{Code, Problem},
    sync::{
        PROTOCOL, PROTOCOL_HEADER,
        protocol::{self, Meeting},
    },
};

/// The cookie of a signed-in browser.
const COOKIE: &str = "willcall_session";
/// How long a session lasts.
const SESSION: Duration = Duration::from_secs(14 * 3600);

/// What a member of staff may do, ascending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StaffRole {
    /// Looks.
    Viewer,
    /// Changes events, orders, devices.
    Manager,
    /// Everything, staff too.
    Owner,
}

impl StaffRole {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Manager => "manager",
            Self::Owner => "owner",
        }
    }

    /// From the database; anything unknown may only look.
    pub(super) fn read(text: &str) -> Self {
        [Self::Owner, Self::Manager].into_iter().find(|r| r.as_str() == text).unwrap_or(Self::Viewer)
    }
}

/// A signed-in member of staff.
#[derive(Debug, Clone)]
pub struct StaffCaller {
    pub organizer: OrganizerId,
    pub staff: StaffId,
    pub name: String,
    pub email: String,
    pub role: StaffRole,
    /// What every form must carry in its field `csrf`.
    pub csrf: String,
    pub(super) token_hash: [u8; 32],
}

impl StaffCaller {
    /// # Errors
    /// [`Code::Forbidden`] when the caller's role is below `least`.
    pub fn require(&self, least: StaffRole) -> Result<(), Problem> {
        if self.role >= least {
            return Ok(());
        }
        let detail = format!("This needs the role {}; you have {}.", least.as_str(), self.role.as_str());
        Err(Problem::new(Code::Forbidden, detail))
    }

    /// The caller of the session in `headers`, if there is one that has not run out.
    pub(super) async fn of(app: &App, headers: &HeaderMap) -> Result<Option<Self>, Failure> {
        let Some(token) = cookie(headers, COOKIE).and_then(|text| Token::read(Kind::Session, text)) else {
            return Ok(None);
        };
        let mut tx = app.begin(token.organizer).await?;
        Ok(store::staff_of_session(&mut tx, &token).await?)
    }
}

impl FromRequestParts<App> for StaffCaller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        if let Some(caller) = parts.extensions.get::<Self>() {
            return Ok(caller.clone());
        }
        let next = parts.uri.path_and_query().map_or("/office", |p| p.as_str());
        Self::of(app, &parts.headers).await?.ok_or_else(|| Failure::sign_in(next))
    }
}

/// Opens a session for `staff`; returns the value of `Set-Cookie`. The password has been checked by the caller.
///
/// # Errors
/// When the database does not take it.
pub async fn open_session(app: &App, tx: &mut Tx, staff: StaffId) -> Result<String, Failure> {
    let token = Token::session(tx.organizer, staff, tx.entropy());
    let csrf = hex::encode(entropy::bytes::<16>(tx.entropy()));
    let expires_at = tx.now() + SESSION;
    store::insert_session(tx, &token, &csrf, expires_at).await?;
    Ok(set_cookie(app, token.text(), SESSION.as_secs()))
}

/// Closes the caller's session; returns the value of `Set-Cookie`.
///
/// # Errors
/// When the database does not take it.
pub async fn close_session(app: &App, caller: &StaffCaller) -> Result<String, Failure> {
    let mut tx = app.begin(caller.organizer).await?;
    store::delete_session(&mut tx, &caller.token_hash).await?;
    tx.commit().await?;
    Ok(set_cookie(app, "", 0))
}

fn set_cookie(app: &App, value: &str, seconds: u64) -> String {
    let secure = if app.public_url().starts_with("https:") { "; Secure" } else { "" };
    format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// An enrolled device.
#[derive(Debug, Clone)]
pub struct DeviceCaller {
    pub organizer: OrganizerId,
    pub device: DeviceId,
    pub name: String,
    /// Where it stands; empty for none.
    pub gate: String,
    pub role: Role,
    pub all_events: bool,
    /// The events it may see; all of the organizer's where `all_events`.
    pub events: Vec<EventId>,
    /// What it may do besides its role.
    pub rights: Vec<Right>,
    /// What its journal was signed with from the beginning.
    pub key: VerifyingKey,
    pub software: String,
    /// Its journal has two branches: it gets no units and rights until a person has looked.
    pub suspended: bool,
    /// The version of the protocol it speaks.
    pub protocol: u32,
}

impl DeviceCaller {
    #[must_use]
    pub fn may_see(&self, event: EventId) -> bool {
        self.events.contains(&event)
    }

    /// The device that wrote an entry, whoever brings it, and since when it is switched off; `None` for one that is not
    /// known or never enrolled.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn author(tx: &mut Tx, device: DeviceId) -> sqlx::Result<Option<(Self, Option<UtcMillis>)>> {
        store::device_of_id(tx, device).await
    }

    /// Refuses a device with which nothing is safe but to take its journal.
    ///
    /// # Errors
    /// [`Code::Protocol`] for one that is too old or too new for this server.
    pub fn must_speak(&self) -> Result<(), Problem> {
        let detail = match protocol::meet(PROTOCOL, self.protocol) {
            Meeting::Speak(_) => return Ok(()),
            Meeting::TheyAreTooOld => {
                "This station is too old for the server. What it recorded is taken; update it to go on."
            }
            Meeting::TheyAreTooNew => "This station is newer than the server. Update the server.",
        };
        Err(Problem::new(Code::Protocol, detail))
    }
}

fn unknown_device() -> Problem {
    Problem::new(Code::Unauthenticated, "The device token is missing or not known here.")
}

fn in_use(found: Option<(DeviceCaller, bool)>) -> Result<DeviceCaller, Problem> {
    match found {
        None => Err(unknown_device()),
        Some((_, true)) => {
            let detail = "What it recorded is safe on it; ask the organizer to enrol it again.";
            Err(Problem::new(Code::Revoked, detail))
        }
        Some((caller, false)) => Ok(caller),
    }
}

impl FromRequestParts<App> for DeviceCaller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let token = bearer(&parts.headers).and_then(|text| Token::read(Kind::Device, text));
        let token = token.ok_or_else(unknown_device)?;
        let spoken =
            parts.headers.get(PROTOCOL_HEADER).and_then(|v| v.to_str().ok()).and_then(|v| v.trim().parse().ok());
        let mut tx = app.begin(token.organizer).await?;
        let caller = in_use(store::device_of_token(&mut tx, &token).await?)?;
        // Who does not say is of the first version.
        Ok(Self { protocol: spoken.unwrap_or(1), ..caller })
    }
}

/// Whoever brings a journal: also a device that was switched off, whose entries from before count.
#[derive(Debug, Clone)]
pub struct Carrier {
    pub caller: DeviceCaller,
    pub revoked: bool,
}

impl FromRequestParts<App> for Carrier {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let token = bearer(&parts.headers).and_then(|text| Token::read(Kind::Device, text));
        let token = token.ok_or_else(unknown_device)?;
        let mut tx = app.begin(token.organizer).await?;
        let found = store::device_of_token(&mut tx, &token).await?;
        let (caller, revoked) = found.ok_or_else(unknown_device)?;
        Ok(Self { caller, revoked })
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Where a request comes from, for rate limits only; neither stored nor logged. IPv6 counts by network (/64).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client(pub IpAddr);

impl std::fmt::Display for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => v4.fmt(f),
            IpAddr::V6(v6) => write!(f, "{:x?}", &v6.segments()[..4]),
        }
    }
}

impl FromRequestParts<App> for Client {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|c| c.0.ip());
        let forwarded = || {
            let line = parts.headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
            line.rsplit(',').next()?.trim().parse().ok()
        };
        let told = if app.config.bind.trust_proxy { forwarded() } else { None };
        Ok(Self(told.or(peer).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))))
    }
}
