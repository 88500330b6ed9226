//! Real browsers and the real window, driven through WebDriver, on screens of their own. Owns drivers, displays and
//! buses and takes them away; knows no page.

use crate::{
    choose_tls,
    process::{Line, Process, until},
};
use anyhow::{Context, bail};
use serde_json::{Value, json};
use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    ops::Deref,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use thirtyfour::{Capabilities, WebDriver};

/// How long a program of the screen may take to start; machines that build beside it are slow.
const START: Duration = Duration::from_secs(60);

/// Whether pages may run scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scripts {
    On,
    Off,
}

/// What a browser shall be like.
#[derive(Debug, Clone)]
pub struct BrowserChoice {
    pub scripts: Scripts,
    /// Width and height of the window, in pixels.
    pub size: (u32, u32),
    pub dark: bool,
    /// As `accept-language`, `de`.
    pub language: String,
}

impl Default for BrowserChoice {
    fn default() -> Self {
        Self { scripts: Scripts::On, size: (1280, 900), dark: false, language: "en".to_owned() }
    }
}

/// A browser with a profile of its own. Dropped, it is gone.
#[derive(Debug)]
pub struct Browser {
    web: Option<WebDriver>,
    // Fields drop in this order: the driver with its browser first, then the folder it writes to.
    _driver: Process,
    profile: tempfile::TempDir,
}

impl Browser {
    /// Starts Chromium without a screen.
    ///
    /// # Errors
    /// When chromedriver or Chromium is missing or does not start.
    pub async fn chromium(choice: &BrowserChoice) -> anyhow::Result<Self> {
        choose_tls();
        let profile = tempfile::Builder::new().prefix("willcall-browser-").tempdir()?;
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").env("HOME", profile.path()).env("LANGUAGE", &choice.language);
        let mut driver = Process::start(&mut command).context("chromedriver (package chromium-driver)")?;
        let line = driver.wait_for_line("started successfully on port", START).await?;
        let port: u16 = line
            .rsplit(' ')
            .next()
            .and_then(|p| p.trim_end_matches('.').parse().ok())
            .with_context(|| format!("the port in {line:?}"))?;
        let capabilities = chromium_capabilities(choice, profile.path())?;
        let web = connect(port, capabilities).await.context("starting Chromium (package chromium)")?;
        Ok(Self { web: Some(web), _driver: driver, profile })
    }

    /// Where it saves what is downloaded.
    #[must_use]
    pub fn downloads(&self) -> PathBuf {
        self.profile.path().join("downloads")
    }

    /// Saves what the window shows as a PNG.
    ///
    /// # Errors
    /// When the browser or the disk refuses.
    pub async fn picture(&self, file: &Path) -> anyhow::Result<()> {
        picture(self, file).await
    }
}

impl Deref for Browser {
    type Target = WebDriver;
    #[expect(clippy::expect_used, reason = "taken only by drop")]
    fn deref(&self) -> &WebDriver {
        self.web.as_ref().expect("there until dropped")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        forget(&mut self.web);
    }
}

fn chromium_capabilities(choice: &BrowserChoice, profile: &Path) -> anyhow::Result<Capabilities> {
    let (width, height) = choice.size;
    let mut arguments: Vec<String> = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--disable-default-apps",
        "--no-default-browser-check",
        "--password-store=basic",
        "--hide-scrollbars",
    ]
    .map(str::to_owned)
    .into();
    arguments.push(format!("--user-data-dir={}", profile.join("profile").display()));
    arguments.push(format!("--window-size={width},{height}"));
    arguments.push(format!("--lang={}", choice.language));
    if choice.dark {
        arguments.push("--force-dark-mode".to_owned());
        arguments.push("--blink-settings=preferredColorScheme=0".to_owned());
    }
    let downloads = profile.join("downloads");
    std::fs::create_dir_all(&downloads)?;
    let mut preferences = json!({
        "download.default_directory": downloads,
        "download.prompt_for_download": false,
        "plugins.always_open_pdf_externally": true,
        "intl.accept_languages": choice.language,
    });
    if choice.scripts == Scripts::Off {
        preferences["profile.managed_default_content_settings.javascript"] = json!(2);
    }
    capabilities(&json!({
        "browserName": "chrome",
        "goog:chromeOptions": { "args": arguments, "prefs": preferences },
    }))
}

/// The product's window, on a display, bus and home of its own. Dropped, all of it is gone.
#[derive(Debug)]
pub struct Window {
    web: Option<WebDriver>,
    _driver: Process,
    _bus: Process,
    display: Display,
    _home: tempfile::TempDir,
}

/// What to start in it.
#[derive(Debug, Clone, Default)]
pub struct WindowChoice {
    pub program: PathBuf,
    pub arguments: Vec<String>,
    pub environment: Vec<(String, String)>,
    /// Width and height of the display; 0 is 1280 × 800.
    pub size: (u32, u32),
}

impl Window {
    /// Starts the program under its own display through WebKit's driver.
    ///
    /// # Errors
    /// When a program is missing or does not start.
    pub async fn open(choice: &WindowChoice) -> anyhow::Result<Self> {
        choose_tls();
        let (width, height) = if choice.size == (0, 0) { (1280, 800) } else { choice.size };
        let display = Display::start(width, height).await?;
        let home = tempfile::Builder::new().prefix("willcall-window-").tempdir()?;
        let (bus, bus_address) = bus().await?;
        let port = free_port()?;
        let mut command = Command::new("WebKitWebDriver");
        command.arg(format!("--port={port}"));
        command.env("DISPLAY", &display.name).env("DBUS_SESSION_BUS_ADDRESS", bus_address);
        command.env("TAURI_WEBVIEW_AUTOMATION", "true");
        // Neither the person's settings nor their keyring.
        command.env("HOME", home.path()).env_remove("WAYLAND_DISPLAY").env_remove("XAUTHORITY");
        for (variable, folder) in [
            ("XDG_CONFIG_HOME", ".config"),
            ("XDG_DATA_HOME", ".local/share"),
            ("XDG_CACHE_HOME", ".cache"),
            ("XDG_RUNTIME_DIR", ".run"),
        ] {
            let folder = home.path().join(folder);
            std::fs::create_dir_all(&folder)?;
            command.env(variable, folder);
        }
        command.envs(choice.environment.iter().map(|(k, v)| (k, v)));
        let mut driver = Process::start(&mut command).context("WebKitWebDriver (package webkit2gtk-driver)")?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let open = until(START, || (!driver.runs() || TcpStream::connect(address).is_ok()).then_some(())).await;
        if open.is_none() || !driver.runs() {
            bail!("WebKitWebDriver did not open its port: {:?}", driver.lines());
        }
        let capabilities = capabilities(&json!({
            "browserName": "wry",
            "webkitgtk:browserOptions": { "binary": choice.program, "args": choice.arguments },
        }))?;
        let web = match connect(port, capabilities).await {
            Ok(web) => web,
            Err(error) => bail!("{error:#}; the window's last lines: {:?}", driver.lines()),
        };
        Ok(Self { web: Some(web), _driver: driver, _bus: bus, display, _home: home })
    }

    /// Types as a hand scanner does: at its own pace, whatever the window is doing meanwhile, with Enter behind. The keys
    /// come through the display like those of any keyboard.
    ///
    /// # Errors
    /// When xdotool is missing or the display does not take keys.
    pub async fn scanner(&self, code: &str) -> anyhow::Result<()> {
        let mut command = tokio::process::Command::new("xdotool");
        command.env("DISPLAY", &self.display.name).args(["type", "--delay", "4", "--args", "1", code, "key", "Return"]);
        let output = command.output().await.context("xdotool (package xdotool)")?;
        anyhow::ensure!(output.status.success(), "xdotool: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Saves what the window shows as a PNG.
    ///
    /// # Errors
    /// When the window or the disk refuses.
    pub async fn picture(&self, file: &Path) -> anyhow::Result<()> {
        picture(self, file).await
    }
}

impl Deref for Window {
    type Target = WebDriver;
    #[expect(clippy::expect_used, reason = "taken only by drop")]
    fn deref(&self) -> &WebDriver {
        self.web.as_ref().expect("there until dropped")
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        forget(&mut self.web);
    }
}

/// A screen nobody sees.
#[derive(Debug)]
pub struct Display {
    /// For the variable `DISPLAY`.
    pub name: String,
    _server: Process,
}

impl Display {
    /// Starts Xvfb on a display nobody uses.
    ///
    /// # Errors
    /// When Xvfb is missing or does not start.
    pub async fn start(width: u32, height: u32) -> anyhow::Result<Self> {
        let mut command = Command::new("Xvfb");
        command.args(["-displayfd", "1", "-nolisten", "tcp", "-screen", "0", &format!("{width}x{height}x24")]);
        let mut server = Process::start(&mut command).context("Xvfb (package xvfb)")?;
        // The number is all it says on standard output; warnings may come before it on the other stream.
        let number = |line: &Line| (!line.error).then(|| line.text.trim().parse::<u32>().ok()).flatten();
        let said = server.wait_for("the display's number", START, |l| number(l).is_some()).await?;
        Ok(Self { name: format!(":{}", said.text.trim()), _server: server })
    }
}

async fn bus() -> anyhow::Result<(Process, String)> {
    let mut command = Command::new("dbus-daemon");
    command.args(["--session", "--nofork", "--print-address=1"]);
    let mut bus = Process::start(&mut command).context("dbus-daemon (package dbus)")?;
    let address = bus.wait_for_line("unix:", START).await?;
    Ok((bus, address.trim().to_owned()))
}

/// A port of loopback that is free now. For programs that cannot be told to choose one themselves.
///
/// # Errors
/// When there is none.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

async fn connect(port: u16, capabilities: Capabilities) -> anyhow::Result<WebDriver> {
    let builder = WebDriver::builder(format!("http://127.0.0.1:{port}"), capabilities).request_timeout(START);
    Ok(builder.await?)
}

fn capabilities(json: &Value) -> anyhow::Result<Capabilities> {
    let map = json.as_object().context("capabilities are an object")?;
    Ok(Capabilities::from(map.clone()))
}

async fn picture(web: &WebDriver, file: &Path) -> anyhow::Result<()> {
    let png = web.screenshot_as_png().await?;
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, png).with_context(|| format!("writing {}", file.display()))
}

/// The session ends with its driver, which is killed; asking it politely would block in a destructor.
fn forget(web: &mut Option<WebDriver>) {
    if let Some(web) = web.take() {
        // An error says that the session was quit already.
        drop(web.leak());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook_sink::WebhookSink;

    fn page(body: &str) -> String {
        format!("data:text/html,<title>Page</title><body>{body}</body>")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn chromium_shows_a_page_and_its_picture_is_a_png_of_the_size_wanted() {
        let choice = BrowserChoice { size: (800, 600), ..BrowserChoice::default() };
        let browser = Browser::chromium(&choice).await.unwrap();
        browser.goto(page("<script>document.title='Scripted'</script>")).await.unwrap();
        assert_eq!(browser.title().await.unwrap(), "Scripted");
        let file = browser.profile.path().join("shot.png");
        browser.picture(&file).await.unwrap();
        let png = image::open(&file).unwrap();
        assert_eq!(png.width(), 800);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn with_scripts_off_none_runs() {
        let choice = BrowserChoice { scripts: Scripts::Off, ..BrowserChoice::default() };
        let browser = Browser::chromium(&choice).await.unwrap();
        browser.goto(page("<script>document.title='Scripted'</script>")).await.unwrap();
        assert_eq!(browser.title().await.unwrap(), "Page");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_browser_asks_in_the_language_chosen() {
        let sink = WebhookSink::start().await.unwrap();
        let choice = BrowserChoice { language: "de".to_owned(), ..BrowserChoice::default() };
        let browser = Browser::chromium(&choice).await.unwrap();
        browser.goto(sink.url()).await.unwrap();
        let request = sink.wait_for(1, START).await.unwrap().remove(0);
        assert!(request.headers["accept-language"].starts_with("de"), "{request:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_dropped_browser_leaves_no_process_and_no_folder() {
        let browser = Browser::chromium(&BrowserChoice::default()).await.unwrap();
        let profile = browser.profile.path().to_owned();
        let users = || {
            let processes = std::fs::read_dir("/proc").unwrap().flatten();
            processes
                .filter(|p| {
                    std::fs::read(p.path().join("cmdline"))
                        .is_ok_and(|line| String::from_utf8_lossy(&line).contains(&*profile.to_string_lossy()))
                })
                .count()
        };
        assert!(users() > 0);
        drop(browser);
        assert!(until(START, || (users() == 0).then_some(())).await.is_some());
        assert!(!profile.exists());
    }

    #[tokio::test]
    async fn two_displays_do_not_meet() {
        let (one, two) = (Display::start(320, 200).await.unwrap(), Display::start(320, 200).await.unwrap());
        assert_ne!(one.name, two.name);
    }
}
