//! `doctor`: is this installation sound? Looks, changes nothing.

mod invariants;
pub mod store;

use crate::{
    app::App,
    cluster::Cluster,
    config::{Config, database::Source, mail::Way},
    database::migrate,
    server::{self, Nature, Role},
    sync,
};
use serde::Serialize;
use std::fmt;

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// Stable name, `row-level-security`.
    pub check: &'static str,
    pub ok: bool,
    /// A sentence.
    pub detail: String,
}

/// All findings.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    pub findings: Vec<Finding>,
}

impl Report {
    #[must_use]
    pub fn healthy(&self) -> bool {
        self.findings.iter().all(|f| f.ok)
    }

    fn add(&mut self, check: &'static str, ok: bool, detail: impl Into<String>) {
        self.findings.push(Finding { check, ok, detail: detail.into() });
    }

    /// Nothing is wrong with it if `bad` is empty.
    fn none(&mut self, check: &'static str, good: &str, wrong: &str, bad: &[String]) {
        let detail = if bad.is_empty() { good.to_owned() } else { format!("{wrong}: {}", bad.join(", ")) };
        self.add(check, bad.is_empty(), detail);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{} {:20} {}", if finding.ok { "ok  " } else { "BAD " }, finding.check, finding.detail)?;
        }
        f.write_str(if self.healthy() { "All is well." } else { "Something is wrong." })
    }
}

/// Looks at everything; what cannot be looked at is a finding.
pub async fn examine(mut config: Config) -> Report {
    let mut report = Report::default();
    disk(&mut report, &config);
    if !mail(&mut report, &config) {
        // Said once; the rest is looked at all the same.
        config.mail.way = Way::Folder(config.data.join("mail"));
    }
    let private = matches!(config.database.source, Source::Private(_));
    if let Some(none) = no_cluster_yet(&config) {
        report.add("database", none.is_ok(), none.unwrap_or_else(|why| why));
        return report;
    }
    let opened = match server::open(config, Nature::default(), Role::Visitor).await {
        Ok(opened) => opened,
        Err(error) => {
            report.add("database", false, error.to_string());
            return report;
        }
    };
    let whose = if private { "the private cluster answers" } else { "the given database answers" };
    report.add("database", true, format!("{whose}; tables at {}", migrate::newest()));
    if let Err(error) = tables(&mut report, &opened.app).await {
        report.add("tables", false, format!("they cannot be examined: {error}"));
    }
    invariants::look(&mut report, &opened.app).await;
    backups(&mut report, &opened.app).await;
    opened.close().await;
    report
}

/// Whether what stations wrote is in a finished backup, and since when it is not.
async fn backups(report: &mut Report, app: &App) {
    let (ok, says) = match sync::backups::unsaved_since(app).await {
        Ok(None) => (true, "all that stations wrote is in a finished backup".to_owned()),
        Ok(since @ Some(first)) => match sync::backups::late_days(app, since) {
            None => (true, format!("what stations wrote since {first} waits for the next backup")),
            Some(days) => {
                let says = "no finished backup holds what stations wrote";
                let next = "they keep everything. Say `backing-up` before and `backed-up` after each backup";
                (false, format!("{says} in {days} days, since {first}; {next}"))
            }
        },
        Err(failure) => (false, format!("they cannot be examined: {failure}")),
    };
    report.add("backups", ok, says);
}

/// Where the private cluster is not there yet: whether it could be made.
fn no_cluster_yet(config: &Config) -> Option<Result<String, String>> {
    let Source::Private(private) = &config.database.source else { return None };
    if Cluster::is_made(&config.data) {
        return None;
    }
    let could = Cluster::could_be_made(&config.data, private);
    Some(could.map(|()| "none yet; the first start makes one".to_owned()).map_err(|error| error.to_string()))
}

/// Seconds of difference between two clocks of one machine, or of machines that should agree.
const CLOCK_MS: i64 = 2_000;
/// Percent of a number range that may be used.
const HEADROOM: f64 = 50.0;
/// Bytes below which a disk is called full.
const DISK: u64 = 500 << 20;

async fn tables(report: &mut Report, app: &crate::app::App) -> sqlx::Result<()> {
    let pool = app.untenanted();
    let bare = store::unguarded_tables(pool).await?;
    report.none("row-level-security", "enabled and forced on every tenant's table", "missing on", &bare);
    let keys = store::keys_without_tenant(pool).await?;
    report.none("tenant-keys", "every tenant's key begins with its organizer", "not so in", &keys);
    let narrow = store::narrow_keys(pool).await?;
    report.none("wide-keys", "no key is a 32-bit integer", "32-bit keys", &narrow);
    let owned = store::owned_by_app(pool).await?;
    report.none("role", "the server's role owns nothing", "the server's role owns", &owned);
    let used = store::sequences_used(pool).await?;
    let full: Vec<String> =
        used.iter().filter(|(_, p)| *p > HEADROOM).map(|(name, percent)| format!("{name} {percent:.1} %")).collect();
    report.none("sequences", "number ranges have room", "more than half used", &full);
    let apart = store::clock_ms(pool).await? - app.now().0;
    report.add("clock", apart.abs() <= CLOCK_MS, format!("{apart} ms between this machine's clock and the database's"));
    let failed: i64 = crate::jobs::store::counts(pool).await?.iter().filter(|c| c.1 == "failed").map(|c| c.2).sum();
    report.add("jobs", failed == 0, format!("{failed} jobs failed for good"));
    Ok(())
}

fn disk(report: &mut Report, config: &Config) {
    #[cfg(unix)]
    {
        let existing = config.data.ancestors().find(|p| p.exists()).unwrap_or(&config.data);
        match nix::sys::statvfs::statvfs(existing) {
            Ok(found) => {
                #[expect(clippy::useless_conversion, reason = "the width of these differs between systems")]
                let free = u64::from(found.blocks_available()) * u64::from(found.fragment_size());
                report.add("disk", free >= DISK, format!("{} MiB free at {}", free >> 20, existing.display()));
            }
            Err(error) => report.add("disk", false, format!("{}: {error}", existing.display())),
        }
    }
    #[cfg(not(unix))]
    let _ = (report, config, DISK);
}

/// Whether mail could leave.
fn mail(report: &mut Report, config: &Config) -> bool {
    match crate::mail::Mailer::new(&config.mail) {
        Ok(mailer) => {
            let way = mailer.folder().map_or("by SMTP".to_owned(), |f| format!("into the folder {}", f.display()));
            report.add("mail", true, format!("mail goes {way}"));
            true
        }
        Err(error) => {
            report.add("mail", false, error.to_string());
            false
        }
    }
}
