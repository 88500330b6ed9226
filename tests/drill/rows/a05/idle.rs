//! Organizers who do nothing, and what they cost.

use crate::visitor::Visitor;
use anyhow::{Context, ensure};
use reqwest::Method;
use std::fmt::Write as _;
use willcall_tests::{premises::Premises, record::memory_kb};

/// The server's memory before, and how much more it is with them.
pub struct Idle {
    pub before_kb: u64,
    pub grown_kb: u64,
}

/// So many organizers with an event each, each visited once.
///
/// # Errors
/// When one of them cannot be visited.
pub async fn idle(premises: &mut Premises, tenants: u32) -> anyhow::Result<Idle> {
    let visitor = Visitor::nobody(&premises.url())?;
    // Warm: what the first visit of any page costs is no tenant's.
    for _ in 0..50 {
        visitor.ask(&Method::GET, "/ours/evening").await?;
    }
    let server = premises.server()?.id();
    let (_, before_kb) = memory_kb(server).context("the server's memory")?;
    let mut plan = String::new();
    for n in 0..tenants {
        write!(
            plan,
            "[[organizer]]\nslug = \"idle-{n}\"\nname = \"Idle {n}\"\n[[organizer.event]]\nslug = \"some-day\"\n\
             name = \"Some Day {n}\"\nstarts_at = \"+9d 20:00\"\n[[organizer.event.item]]\nname = \"Ticket\"\nprice = \"5\"\n\
             [[organizer.event.quota]]\nname = \"All\"\nsize = 10\nitems = [\"Ticket\"]\n"
        )?;
    }
    premises.seed(&plan)?;
    for n in 0..tenants {
        for path in [format!("/idle-{n}"), format!("/idle-{n}/some-day")] {
            let answer = visitor.ask(&Method::GET, &path).await?;
            ensure!(answer.status.is_success(), "{path} was answered {}", answer.status);
        }
    }
    let (_, after_kb) = memory_kb(server).context("the server's memory")?;
    Ok(Idle { before_kb, grown_kb: after_kb.saturating_sub(before_kb) })
}
