//! What the window says at the till and at the door through every fault of K08, in both languages, held against the
//! model: a fact is *recorded here* until the server has it, then *sent*, and *needs a person* where it made a case; the
//! pill says whether there is a link and how much waits. Nothing says that it is being sent for longer than a try lasts.

use crate::town::ms;
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::{task::JoinHandle, time::Instant};
use willcall_domain::{
    checkin::wire::{Direction, ScanRequest},
    devices::Role,
    entropy::{self, SeededEntropy},
};
use willcall_station::{
    command::{Command, Wish},
    socket,
};
use willcall_tests::{
    built, crowd,
    house::House,
    proxy::{Fault, Proxy, Upstream},
    screen::{self, id},
    webdriver::{Window, WindowChoice},
};

/// The words of the model in one language.
struct Model {
    language: &'static str,
    connected: &'static str,
    no_link: &'static str,
    waiting: &'static str,
    all_sent: &'static str,
    sending: &'static str,
    here: &'static str,
    sent: &'static str,
    refused: &'static str,
    case: &'static str,
}

const MODELS: [Model; 2] = [
    Model {
        language: "en",
        connected: "Connected",
        no_link: "No link",
        waiting: "waiting to send",
        all_sent: "everything sent",
        sending: "Sending and fetching",
        here: "recorded here",
        sent: "sent",
        refused: "needs a person",
        case: "1 case",
    },
    Model {
        language: "de",
        connected: "Verbunden",
        no_link: "Keine Verbindung",
        waiting: "noch zu senden",
        all_sent: "alles gesendet",
        sending: "Sendet und holt",
        here: "hier gespeichert",
        sent: "gesendet",
        refused: "braucht einen Menschen",
        case: "1 Fall",
    },
];

impl Model {
    /// What the pill says.
    fn pill(&self, look: &Look) -> String {
        if look.busy {
            return self.sending.to_owned();
        }
        let waiting = format!("{} {}", look.waiting, self.waiting);
        match (look.connected, look.waiting) {
            (true, 0) => self.connected.to_owned(),
            (true, _) => format!("{} · {waiting}", self.connected),
            (false, 0) => format!("{} · {}", self.no_link, self.all_sent),
            (false, _) => format!("{} · {} · {waiting}", self.no_link, self.here),
        }
    }

    /// Whether a line about a fact says this and none of the other words.
    fn says(&self, line: &str, wanted: &str) -> bool {
        let others = [self.here, self.sent, self.refused].into_iter().filter(|word| *word != wanted);
        line.contains(wanted) && others.into_iter().all(|word| !line.contains(word))
    }
}

/// One look at the window.
#[derive(Debug, Default)]
struct Look {
    connected: bool,
    waiting: u64,
    said: String,
    busy: bool,
    /// The newest line of the page: a scan at the door, a sale at the till.
    line: String,
}

const LOOK: &str = "const pill = document.querySelector(\"[data-testid='link-pill']\"); \
    const line = document.querySelector(\"[data-testid='recent'] > li, [data-testid='sales'] > li\"); \
    return { connected: pill?.dataset.connected === 'true', waiting: Number(pill?.dataset.waiting), \
    said: pill?.textContent?.trim() ?? '', busy: pill?.disabled ?? false, line: line?.innerText ?? '' };";

/// Puts a language on as the settings do.
const SPEAK: &str = "const [language, done] = arguments; const { invoke } = window.__TAURI_INTERNALS__; \
    invoke('settings_get').then((now) => invoke('settings_save', { request: { ...now, language } })) \
    .then(() => done(''), (problem) => done(JSON.stringify(problem)));";

/// Lines over which nobody can be in contact, and lines of which a part is lost.
const DEAD: [(&str, Fault); 4] = [
    ("captive_portal", Fault::WrongBody),
    ("drip", Fault::Bandwidth(5)),
    ("black_hole", Fault::BlackHole),
    ("noise", Fault::Noise),
];
const LOST: [(&str, u8); 2] = [("lost_25", 25), ("lost_50", 50)];
/// How long a line that loses a part of everything stays as it is.
const FLICKER: Duration = Duration::from_millis(150);
/// Five seconds as in K08, and one for whoever looks from outside.
const INDICATOR: Duration = Duration::from_secs(6);
/// A try that was asked for ends within this.
const TRY: Duration = Duration::from_secs(16);
const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(100);
/// Within this the pill says that it was pressed.
const PRESSED: Duration = Duration::from_millis(500);

/// What was found.
#[derive(Default)]
pub struct Words {
    pub looks: u64,
    pub wrong: Vec<String>,
    no_link: Duration,
    longest_try: Duration,
}

impl Words {
    /// Whether what was said was what the model says, in time.
    pub fn hold(&self) -> bool {
        self.wrong.is_empty() && self.looks > 0 && self.no_link <= INDICATOR && self.longest_try <= TRY
    }

    pub fn measured(&self) -> Value {
        json!({
            "looks": self.looks, "wrong": self.wrong, "said_no_link_max_ms": ms(self.no_link),
            "sending_said_max_ms": ms(self.longest_try),
        })
    }

    pub fn bar() -> Value {
        json!({ "wrong": [], "said_no_link_max_ms": ms(INDICATOR), "sending_said_max_ms": ms(TRY) })
    }
}

/// A till's window over a line, with people at both of its pages.
struct Venue<'a> {
    house: &'a House,
    folder: &'a Path,
    window: Window,
    proxy: Arc<Proxy>,
    codes: std::vec::IntoIter<String>,
    found: Words,
}

/// Goes through every fault, `rounds` times in each language.
///
/// # Errors
/// When the window does not start, or a scan or a sale is refused.
pub async fn through_every_fault(house: &House, rounds: u32) -> anyhow::Result<Words> {
    let wanted = rounds as usize * MODELS.len() * (DEAD.len() + LOST.len() + 1) + 8;
    let positions = crowd::fill(house, wanted).await?;
    let codes: Vec<String> = crowd::codes(house, positions).await?.into_iter().map(|(_, code)| code).collect();
    let proxy = Arc::new(Proxy::start(Upstream::Tcp(house.url().trim_start_matches("http://").parse()?)).await?);
    let folder = tempfile::tempdir()?;
    drop(house.station_at("Till 1", Role::Till, folder.path(), &proxy.url()).await?);
    let choice = WindowChoice {
        program: built::program("willcall")?,
        arguments: vec!["--data".to_owned(), folder.path().display().to_string()],
        ..WindowChoice::default()
    };
    let window = Window::open(&choice).await?;
    let (folder, found) = (folder.path(), Words::default());
    let mut venue = Venue { house, folder, window, proxy, codes: codes.into_iter(), found };
    for model in &MODELS {
        venue.speak(model).await?;
        for _ in 0..rounds {
            for (name, fault) in DEAD {
                venue.dead(model, name, fault).await.with_context(|| format!("{name}, {}", model.language))?;
            }
            for (name, percent) in LOST {
                venue.lossy(model, name, percent).await.with_context(|| format!("{name}, {}", model.language))?;
            }
        }
    }
    // A case stays open, so it comes last.
    venue.case().await?;
    Ok(venue.found)
}

impl Venue<'_> {
    async fn speak(&self, model: &Model) -> anyhow::Result<()> {
        screen::see(&self.window, &id("link-pill")).await?;
        let said = self.window.execute_async(SPEAK, vec![json!(model.language)]).await?;
        ensure!(said.json() == "", "{}", said.json());
        screen::see(&self.window, &format!("html[lang='{}'] body", model.language)).await.map(drop)
    }

    async fn ask(&self, command: &Command) -> anyhow::Result<Value> {
        let answer = socket::ask(self.folder, command).await.context("the window's station does not answer")?;
        answer.map_err(|problem| anyhow::anyhow!("{problem}"))
    }

    /// A ticket is scanned and one is sold.
    async fn work(&mut self) -> anyhow::Result<()> {
        let code = self.codes.next().context("a ticket")?;
        let verdict = self.ask(&Command::entry(code, None)).await?;
        ensure!(verdict["class"] == "admitted", "{verdict}");
        let lines = vec![Wish { item: "Adult".to_owned(), quantity: 1 }];
        self.ask(&Command::Sell { lines, cash: "24".to_owned(), vouchers: Vec::new(), request_id: None }).await?;
        Ok(())
    }

    /// Looks, and holds what the pill says against the model.
    async fn look(&mut self, model: &Model) -> anyhow::Result<Look> {
        let seen = self.window.execute(LOOK, Vec::new()).await?;
        let seen = seen.json();
        let text = |name: &str| seen[name].as_str().unwrap_or_default().to_owned();
        let look = Look {
            connected: seen["connected"] == true,
            waiting: seen["waiting"].as_u64().with_context(|| format!("no pill: {seen}"))?,
            said: text("said"),
            busy: seen["busy"] == true,
            line: text("line"),
        };
        self.found.looks += 1;
        let expected = model.pill(&look);
        if look.said != expected {
            self.wrong(format!("the pill says {:?}, the model {expected:?}", look.said));
        }
        Ok(look)
    }

    fn wrong(&mut self, what: String) {
        if self.found.wrong.len() < 20 {
            self.found.wrong.push(what);
        }
    }

    /// Looks until it is as wanted; how long that took.
    async fn until(&mut self, model: &Model, what: &str, wanted: impl Fn(&Look) -> bool) -> anyhow::Result<Duration> {
        let began = Instant::now();
        loop {
            let look = self.look(model).await?;
            if wanted(&look) {
                return Ok(began.elapsed());
            }
            ensure!(began.elapsed() < PATIENCE, "never {what}: {look:?}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// What stands at the newest scan at the door and the newest sale at the till.
    async fn at_both(&mut self, model: &Model, when: &str, word: &'static str) -> anyhow::Result<()> {
        for page in ["tab-door", "tab-till"] {
            screen::press(&self.window, &id(page)).await?;
            if page == "tab-till" {
                screen::press(&self.window, &id("sales-tab")).await?;
            }
            screen::see(&self.window, "[data-testid='recent'] > li, [data-testid='sales'] > li").await?;
            let began = Instant::now();
            loop {
                let look = self.look(model).await?;
                if model.says(&look.line, word) {
                    break;
                }
                if began.elapsed() > INDICATOR {
                    self.wrong(format!("{page}, {when}: {:?} does not say {word:?}", look.line));
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    async fn healed(&mut self, model: &Model) -> anyhow::Result<()> {
        self.proxy.set(Fault::Ok);
        // Somebody presses the pill rather than wait for the next try.
        self.press(model).await?;
        self.until(model, "connected with nothing waiting", |l| l.connected && l.waiting == 0 && !l.busy).await?;
        self.at_both(model, "with the line healed", model.sent).await
    }

    /// The pill is pressed, and says that it sends until the try is over.
    async fn press(&mut self, model: &Model) -> anyhow::Result<()> {
        screen::press(&self.window, &id("link-pill")).await?;
        let began = Instant::now();
        // One that is over before anybody can look says nothing.
        while began.elapsed() < PRESSED && !self.look(model).await?.busy {}
        let took = self.until(model, "done sending", |look| !look.busy).await?;
        self.found.longest_try = self.found.longest_try.max(took);
        Ok(())
    }

    async fn dead(&mut self, model: &Model, name: &str, fault: Fault) -> anyhow::Result<()> {
        self.proxy.set(fault);
        self.work().await?;
        let took = self.until(model, "without a link", |look| !look.connected && look.waiting > 0).await?;
        self.found.no_link = self.found.no_link.max(took);
        self.at_both(model, name, model.here).await?;
        self.press(model).await?;
        let look = self.look(model).await?;
        if look.connected || look.waiting == 0 {
            self.wrong(format!("{name}: a try over a dead line says {look:?}"));
        }
        self.at_both(model, name, model.here).await?;
        self.healed(model).await
    }

    /// What a bad line lets through arrives and is said to.
    async fn lossy(&mut self, model: &Model, name: &str, percent: u8) -> anyhow::Result<()> {
        let flicker = flicker(Arc::clone(&self.proxy), percent);
        self.work().await?;
        let arrived = self.until(model, "sent over a bad line", |look| look.waiting == 0).await;
        flicker.abort();
        // It was ended just now: that is no news.
        _ = flicker.await;
        arrived?;
        self.at_both(model, name, model.sent).await?;
        self.healed(model).await
    }

    /// A ticket enters here and, unknown to here, at another gate, whose scan is the first to arrive.
    async fn case(&mut self) -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let other = self.house.station("Gate B", Role::Door, folder.path()).await?;
        let model = &MODELS[1];
        self.proxy.set(Fault::BlackHole);
        let code = self.codes.next().context("a ticket")?;
        let request = ScanRequest::new(code.clone(), self.house.list, Direction::Entry);
        self.ask(&Command::entry(code, None)).await?;
        other.scan(request).await.map_err(|problem| anyhow::anyhow!("{problem}"))?;
        other.sync_once().await.map_err(|problem| anyhow::anyhow!("{problem}"))?;
        self.proxy.set(Fault::Ok);
        screen::press(&self.window, &id("tab-door")).await?;
        self.until(model, "told of the case", |look| model.says(&look.line, model.refused)).await?;
        for model in &MODELS {
            self.speak(model).await?;
            self.until(model, "told of the case", |look| model.says(&look.line, model.refused)).await?;
            let note = screen::read(&self.window, &id("cases-note")).await?;
            if note.trim() != model.case {
                self.wrong(format!("the note on cases says {note:?}, the model {:?}", model.case));
            }
        }
        Ok(())
    }
}

/// Cuts so many of a hundred moments off.
fn flicker(proxy: Arc<Proxy>, percent: u8) -> JoinHandle<()> {
    let chance = SeededEntropy::new(u64::from(percent));
    tokio::spawn(async move {
        loop {
            let [draw] = entropy::bytes::<1>(&chance);
            let lost = u16::from(draw) * 100 / 256 < u16::from(percent);
            proxy.set(if lost { Fault::Reset } else { Fault::Ok });
            tokio::time::sleep(FLICKER).await;
        }
    })
}
