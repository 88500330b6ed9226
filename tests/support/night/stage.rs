//! Server, stations and lines, and everything that is done to them.

use super::{COPY, DOORS, TILLS, act::Act, engine::Engine};
use crate::{
    premises::Premises,
    proxy::{Fault, Proxy, Upstream},
};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::{collections::BTreeMap, path::PathBuf, time::Duration};
use tokio::time::Instant;
use willcall_station::command::Command;

/// Until all stations have sent and read everything once nothing is broken any more.
const PATIENCE: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_millis(100);

/// Where the night is played.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) premises: Premises,
    server_runs: bool,
    lines: Vec<Proxy>,
    /// The stations, and behind them the copy of one.
    pub(super) engines: Vec<Engine>,
    /// Whom the copy is of.
    pub(super) copied: Option<usize>,
    saved: Option<PathBuf>,
    /// How often each thing was done.
    pub(super) done: BTreeMap<&'static str, u32>,
}

impl Stage {
    /// Enrols every station over a line of its own, and starts it.
    pub(super) async fn set(premises: Premises, seeded: &Value) -> anyhow::Result<Self> {
        let server = premises.url().trim_start_matches("http://").parse()?;
        let mut stage = Self {
            premises,
            server_runs: true,
            lines: Vec::new(),
            engines: Vec::new(),
            copied: None,
            saved: None,
            done: BTreeMap::new(),
        };
        for (n, name) in TILLS.iter().chain(&DOORS).enumerate() {
            let line = Proxy::start(Upstream::Tcp(server)).await?;
            let mut engine = Engine::of(name, stage.premises.room(&format!("s{n}"))?);
            let token = seeded["organizers"][0]["devices"][n]["token"].as_str().context("a token")?;
            engine.command(&["enrol", &line.url(), token])?;
            engine.command(&["sync"])?;
            engine.start()?;
            stage.lines.push(line);
            stage.engines.push(engine);
        }
        let folder = stage.premises.room("copies")?.join("s");
        stage.engines.push(Engine::of("The copy", folder));
        Ok(stage)
    }

    pub(super) fn folders(&self) -> Vec<PathBuf> {
        self.engines.iter().map(|engine| engine.folder.clone()).collect()
    }

    /// Does one thing.
    pub(super) async fn play(&mut self, act: Act) -> anyhow::Result<()> {
        let name = match act {
            Act::Line(station, fault) => {
                self.lines[station].set(fault);
                if fault == Fault::Ok { "lines_healed" } else { "lines_broken" }
            }
            Act::Kill(station) => {
                self.engines[station].kill()?;
                "stations_killed"
            }
            Act::Start(station) => {
                self.engines[station].start()?;
                "stations_started"
            }
            Act::KillServer { database } => {
                if database {
                    self.premises.cut()?
                } else {
                    self.premises.kill()?
                }
                self.server_runs = false;
                if database { "servers_killed_with_database" } else { "servers_killed" }
            }
            Act::StartServer => {
                self.start_server().await?;
                "servers_started"
            }
            Act::Save(station) => {
                self.engines[station].kill()?;
                let to = self.premises.room("saved")?.join("s");
                self.engines[station].save(&to)?;
                self.saved = Some(to);
                self.engines[station].start()?;
                "stations_saved"
            }
            Act::PutBack { station, whole } => self.put_back(station, whole).await?,
            Act::Copy(station) => {
                self.engines[station].kill()?;
                self.engines[station].save(&self.engines[COPY].folder)?;
                self.engines[station].start()?;
                self.engines[COPY].start()?;
                self.copied = Some(station);
                "stations_copied"
            }
        };
        *self.done.entry(name).or_default() += 1;
        Ok(())
    }

    async fn start_server(&mut self) -> anyhow::Result<()> {
        if !self.server_runs {
            self.premises.start().await?;
            self.server_runs = true;
        }
        Ok(())
    }

    /// What exists in no other place must not be destroyed, or nobody could give it back: the journal's mirror stays, or,
    /// where all of the folder is put back, everything has been sent before.
    async fn put_back(&mut self, station: usize, whole: bool) -> anyhow::Result<&'static str> {
        let saved = self.saved.clone().context("something was saved")?;
        self.engines[station].end().await?;
        if whole {
            self.start_server().await?;
            self.lines[station].set(Fault::Ok);
            let began = Instant::now();
            while self.engines[station].command(&["sync"])?["waiting"] != 0 {
                ensure!(began.elapsed() < PATIENCE, "{} cannot send everything", self.engines[station].name);
            }
        }
        self.engines[station].put_back(&saved, whole)?;
        self.engines[station].start()?;
        Ok(if whole { "folders_put_back" } else { "databases_put_back" })
    }

    /// Nothing is broken any more, and everybody is there.
    pub(super) async fn heal(&mut self) -> anyhow::Result<()> {
        self.start_server().await?;
        for line in &self.lines {
            line.set(Fault::Ok);
        }
        for engine in &mut self.engines {
            engine.start()?;
        }
        Ok(())
    }

    /// Waits until every station has sent all it has and read all there is.
    pub(super) async fn rest(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        for engine in &self.engines {
            loop {
                // Somebody presses the button; a refusal shows in what follows.
                let synced = engine.ask(&Command::Sync).await;
                let status = engine.ask(&Command::Status).await?.context("the engine answers")?;
                let synced = synced.ok().flatten().unwrap_or_default();
                if status["waiting"] == 0 && status["link"]["connected"] == true && synced["caught_up"] == true {
                    break;
                }
                ensure!(began.elapsed() < PATIENCE, "{} does not come to rest: {synced} {status}", engine.name);
                tokio::time::sleep(LOOK).await;
            }
        }
        Ok(())
    }
}
