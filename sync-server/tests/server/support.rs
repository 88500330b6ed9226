//! What these tests share: a server's application on a fresh database, requests to its router.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode, header},
};
use flate2::read::GzDecoder;
use std::{io::Read, sync::Arc};
use tower::ServiceExt;
use willcall_domain::{
    clock::{ManualClock, UtcMillis},
    entropy::OsEntropy,
    id::OrganizerId,
};
use willcall_server::{
    App, router,
    seed::{self, outcome::Outcome},
    server::{self, Nature, Opened, Role},
    testing::TestDatabase,
};

/// A Saturday.
pub const NOW: UtcMillis = UtcMillis(1_795_255_200_000);

/// An application that does nothing by itself, on a database of its own, at a time of its own.
pub struct World {
    pub app: App,
    pub clock: ManualClock,
    pub database: TestDatabase,
    _opened: Opened,
}

impl World {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut willcall_server::Config)) -> Self {
        let database = TestDatabase::fresh().await.expect("a test database");
        let clock = ManualClock::at(NOW);
        let nature = Nature { clock: Arc::new(clock.clone()), entropy: Arc::new(OsEntropy), ..Nature::default() };
        let mut config = database.config();
        change(&mut config);
        let opened = server::open(config, nature, Role::Host).await.expect("a server");
        Self { app: opened.app.clone(), clock, database, _opened: opened }
    }

    pub async fn seed(&self, text: &str) -> Outcome {
        seed::apply(&self.app, &seed::read(text).unwrap()).await.unwrap()
    }

    /// Two organizers that look alike.
    pub async fn twins(&self) -> Outcome {
        let one = include_str!("../../../assets/seed/example.toml");
        self.seed(&(one.to_owned() + &one.replace("slug = \"harbour-hall\"", "slug = \"twin\""))).await
    }

    pub async fn organizer(&self) -> OrganizerId {
        self.seed("[[organizer]]\nslug = \"o\"\nname = \"O\"").await.organizers[0].organizer_id
    }

    pub async fn get(&self, path: &str, headers: &[(header::HeaderName, &str)]) -> Answer {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        send(router::router(self.app.clone()), request.body(Body::empty()).unwrap()).await
    }

    pub async fn post(&self, path: &str, headers: &[(header::HeaderName, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::post(path);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        send(router::router(self.app.clone()), request.body(body.into()).unwrap()).await
    }
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    pub fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub async fn send(router: Router, request: Request<Body>) -> Answer {
    let answer = router.oneshot(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    let mut bytes = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    if parts.headers.get(header::CONTENT_ENCODING).is_some_and(|how| how == "gzip") {
        let packed = std::mem::take(&mut bytes);
        GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
    }
    Answer { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
}
