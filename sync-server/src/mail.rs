//! Mail on its way out: by SMTP, or into a folder. Called from jobs only: nothing slow happens inside a request.
//! Does not know what a mail is about.

use crate::config::{Mail, mail::Way};
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Attachment, Mailbox, MultiPart, SinglePart, header::ContentType},
};
use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};
use willcall_domain::{
    clock::{Clock, UtcMillis},
    entropy::{Entropy, uuid_v7},
};

/// One mail.
#[derive(Debug, Clone, Default)]
pub struct Letter {
    /// The recipient's address.
    pub to: String,
    /// Their name; empty for none.
    pub to_name: String,
    /// Who writes: the organizer's name. The address is the installation's.
    pub from_name: String,
    /// Where answers go; empty for the installation's address.
    pub reply_to: String,
    pub subject: String,
    pub text: String,
    /// The same as HTML, where there is one.
    pub html: Option<String>,
    pub attachments: Vec<Enclosure>,
}

/// A file that travels with a mail.
#[derive(Debug, Clone)]
pub struct Enclosure {
    pub name: String,
    /// `application/pdf`.
    pub content_type: String,
    pub bytes: Vec<u8>,
}

/// Why a mail did not leave.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    #[error("the mail server's address (WILLCALL_SMTP) is not usable: {0}")]
    Server(String),
    #[error("no mail can be sent to this address: {0}")]
    Recipient(String),
    #[error("the mail could not be put together: {0}")]
    Content(String),
    #[error("the mail server did not take the mail: {0}")]
    Refused(#[from] lettre::transport::smtp::Error),
    #[error("the mail folder {folder}: {source}")]
    Folder { folder: PathBuf, source: std::io::Error },
}

impl MailError {
    /// Whether trying again cannot help.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Recipient(_) | Self::Content(_) => true,
            Self::Refused(error) => error.is_permanent(),
            Self::Server(_) | Self::Folder { .. } => false,
        }
    }
}

/// The way out.
pub struct Mailer {
    way: Exit,
    from: Address,
}

enum Exit {
    Smtp(Box<AsyncSmtpTransport<Tokio1Executor>>),
    Folder(PathBuf),
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.way {
            Exit::Smtp(_) => f.write_str("Mailer(smtp)"),
            Exit::Folder(folder) => write!(f, "Mailer({})", folder.display()),
        }
    }
}

impl Mailer {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// When the server's address or the sender's cannot be used.
    pub fn new(config: &Mail) -> Result<Self, MailError> {
        let from =
            config.from.parse().map_err(|e: lettre::address::AddressError| MailError::Recipient(e.to_string()))?;
        let way = match &config.way {
            Way::Folder(folder) => Exit::Folder(folder.clone()),
            Way::Smtp(url) => {
                let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
                    .map_err(|e| MailError::Server(e.to_string()))?
                    .timeout(Some(Duration::from_secs(20)))
                    .build();
                Exit::Smtp(Box::new(transport))
            }
        };
        Ok(Self { way, from })
    }

    /// Where mail lands when there is no mail server.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        match &self.way {
            Exit::Folder(folder) => Some(folder),
            Exit::Smtp(_) => None,
        }
    }

    /// Hands one mail over; it has left, or lies in the folder, when this returns.
    ///
    /// # Errors
    /// When it cannot be put together, the server does not take it, or the folder cannot be written.
    pub async fn send(&self, letter: Letter, clock: &dyn Clock, entropy: &dyn Entropy) -> Result<(), MailError> {
        let id = uuid_v7(clock.now(), entropy);
        let message = self.message(letter, clock.now(), id)?;
        match &self.way {
            Exit::Smtp(transport) => {
                transport.send(message).await?;
            }
            Exit::Folder(folder) => {
                let failed = |source| MailError::Folder { folder: folder.clone(), source };
                tokio::fs::create_dir_all(folder).await.map_err(failed)?;
                let beside = folder.join(format!("{id}.part"));
                tokio::fs::write(&beside, message.formatted()).await.map_err(failed)?;
                tokio::fs::rename(&beside, folder.join(format!("{id}.eml"))).await.map_err(failed)?;
            }
        }
        Ok(())
    }

    fn message(&self, letter: Letter, now: UtcMillis, id: uuid::Uuid) -> Result<Message, MailError> {
        let to = letter.to.parse().map_err(|e: lettre::address::AddressError| MailError::Recipient(e.to_string()))?;
        let named = |name: String| Some(name).filter(|n| !n.trim().is_empty());
        let date = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(now.0).unwrap_or(0));
        let mut builder = Message::builder()
            .from(Mailbox::new(named(letter.from_name), self.from.clone()))
            .to(Mailbox::new(named(letter.to_name), to))
            .subject(letter.subject)
            .date(date)
            .message_id(Some(format!("<{id}@{}>", self.from.domain())));
        if let Ok(address) = letter.reply_to.parse::<Address>() {
            builder = builder.reply_to(Mailbox::new(None, address));
        }
        let plain = SinglePart::plain(letter.text);
        let words = match letter.html {
            Some(html) => MultiPart::alternative().singlepart(plain).singlepart(SinglePart::html(html)),
            None => MultiPart::mixed().singlepart(plain),
        };
        let whole = letter.attachments.into_iter().try_fold(MultiPart::mixed().multipart(words), |whole, file| {
            let kind = ContentType::parse(&file.content_type).map_err(|e| MailError::Content(e.to_string()))?;
            Ok::<_, MailError>(whole.singlepart(Attachment::new(file.name).body(file.bytes, kind)))
        })?;
        builder.multipart(whole).map_err(|e| MailError::Content(e.to_string()))
    }
}
