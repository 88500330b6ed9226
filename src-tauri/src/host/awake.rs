//! Keeps the screen awake while the window is open: a door that has gone dark loses the queue a minute. On Linux the
//! desktop is asked; where there is none to ask, and on other systems, the power settings of the machine decide.

/// Asks the desktop until what is answered is dropped; `None` where nobody could be asked, which is logged.
#[cfg(target_os = "linux")]
pub async fn keep_awake() -> Option<Awake> {
    match linux::ask().await {
        Ok(awake) => Some(awake),
        Err(error) => {
            tracing::info!(%error, "the desktop was not asked to keep the screen awake");
            None
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub async fn keep_awake() -> Option<Awake> {
    tracing::info!("the screen sleeps as the power settings of this machine say");
    None
}

#[cfg(target_os = "linux")]
pub use linux::Awake;

/// The screen stays awake as long as this is kept.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub struct Awake;

#[cfg(target_os = "linux")]
mod linux {
    use zbus::{Connection, proxy};

    /// What desktops answer to; the screen sleeps again when the connection ends.
    #[proxy(
        interface = "org.freedesktop.ScreenSaver",
        default_service = "org.freedesktop.ScreenSaver",
        default_path = "/org/freedesktop/ScreenSaver"
    )]
    trait ScreenSaver {
        fn inhibit(&self, application: &str, reason: &str) -> zbus::Result<u32>;
    }

    /// The screen stays awake as long as this is kept.
    #[derive(Debug)]
    pub struct Awake {
        _connection: Connection,
    }

    pub(super) async fn ask() -> zbus::Result<Awake> {
        let connection = Connection::session().await?;
        let cookie = ScreenSaverProxy::new(&connection).await?.inhibit("Willcall", "Guests are let in").await?;
        tracing::info!(cookie, "the desktop keeps the screen awake");
        Ok(Awake { _connection: connection })
    }
}
