//! A transport that writes down what is said over another.

use async_trait::async_trait;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{io::Read, sync::Mutex};
use url::Url;
use willcall_domain::{
    devices::wire::{EnrolAnswer, EnrolRequest},
    id::EventId,
    leases::{Grant, wire::LeaseRequest},
    sync::{ChangesAnswer, Contact, ContactAnswer, Cursor, Entry, PushAnswer, PushRequest},
};
use willcall_station::{
    HttpTransport,
    sync::transport::{Download, Following, Refusal, Server, Standing, Transport, whole},
};

/// One exchange.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Spoken {
    pub what: String,
    pub ask: Value,
    pub answer: Value,
}

#[derive(Debug)]
pub struct Recording {
    over: HttpTransport,
    spoken: Mutex<Vec<Spoken>>,
}

impl Recording {
    pub fn new(over: HttpTransport) -> Self {
        Self { over, spoken: Mutex::default() }
    }

    pub fn spoken(&self) -> Vec<Spoken> {
        self.spoken.lock().unwrap().clone()
    }

    fn note(&self, what: &str, ask: Value, answer: Value) {
        self.spoken.lock().unwrap().push(Spoken { what: what.to_owned(), ask, answer });
    }
}

#[async_trait]
impl Transport for Recording {
    async fn enrol(&self, base: &Url, request: &EnrolRequest) -> Result<EnrolAnswer, Refusal> {
        let answer = self.over.enrol(base, request).await?;
        // Spent and worthless, but nothing that looks like a secret belongs into a repository.
        let (mut ask, mut said) = (json!(request), json!(answer));
        ask["token"] = json!("spent");
        said["device_token"] = json!("spent");
        self.note("enrol", ask, said);
        Ok(answer)
    }

    async fn contact(&self, server: &Server, contact: &Contact) -> Result<ContactAnswer, Refusal> {
        let answer = self.over.contact(server, contact).await?;
        self.note("contact", json!(contact), json!(answer));
        Ok(answer)
    }

    async fn push(&self, server: &Server, page: &PushRequest) -> Result<PushAnswer, Refusal> {
        let answer = self.over.push(server, page).await?;
        self.note("push", json!(page), json!(answer));
        Ok(answer)
    }

    async fn changes(&self, server: &Server, from: Standing, most: u32) -> Result<ChangesAnswer, Refusal> {
        let answer = self.over.changes(server, from, most).await?;
        let ask = json!({ "after": from.after, "urgent": from.urgent, "most": most });
        self.note("changes", ask, json!(answer));
        Ok(answer)
    }

    async fn follow(&self, server: &Server, from: Standing) -> Result<Following, Refusal> {
        self.over.follow(server, from).await
    }

    async fn snapshot(&self, server: &Server, events: &[EventId], least: Option<Cursor>) -> Result<Download, Refusal> {
        let mut download = self.over.snapshot(server, events, least).await?;
        let mut packed = Vec::new();
        while let Some(chunk) = download.next().await {
            packed.extend_from_slice(&chunk?);
        }
        let mut text = String::new();
        if flate2::read::MultiGzDecoder::new(&packed[..]).read_to_string(&mut text).is_err() {
            text = String::from_utf8_lossy(&packed).into_owned();
        }
        let lines: Vec<Value> = text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect();
        self.note("snapshot", Value::Null, json!(lines));
        Ok(whole(packed))
    }

    async fn lease(&self, server: &Server, request: &LeaseRequest) -> Result<Grant, Refusal> {
        let answer = self.over.lease(server, request).await?;
        self.note("lease", json!(request), json!(answer));
        Ok(answer)
    }

    async fn give_back(&self, server: &Server, incarnation: u32, after: u64) -> Result<Vec<Entry>, Refusal> {
        self.over.give_back(server, incarnation, after).await
    }
}
