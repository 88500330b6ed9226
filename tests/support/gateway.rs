//! A provider that keeps books: what came in, as a test says.

use futures_util::future::BoxFuture;
use std::sync::Mutex;
use willcall_domain::{clock::UtcMillis, id::OrganizerId, payments::Provider};
use willcall_server::payments::since::{Gateway, NoAnswer, Received, Since};

/// Books of one provider; those of none answer that nobody is there.
#[derive(Debug, Default)]
pub struct Books {
    /// `None`: it cannot be reached.
    pub payments: Option<Vec<Received>>,
    /// From when on it was asked.
    pub asked: Mutex<Vec<UtcMillis>>,
}

impl Gateway for Books {
    fn provider(&self) -> Provider {
        Provider::BankTransfer
    }

    fn since(&self, _: OrganizerId, from: UtcMillis) -> BoxFuture<'_, Result<Since, NoAnswer>> {
        self.asked.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(from);
        let answer = self.payments.clone().map(Since::Payments).ok_or_else(|| NoAnswer("nobody is there".to_owned()));
        Box::pin(std::future::ready(answer))
    }
}
