//! The back office through its pages, as a browser without script uses them.

mod cases;
mod dashboard;
mod dates;
mod devices;
mod doors;
mod events;
mod keys;
mod orders;
mod organizer;
mod quotas;
mod sign_in;
mod tenants;
mod units;
mod vouchers;

use reqwest::{Client, RequestBuilder, Response, redirect::Policy};
use willcall_server::Config;
use willcall_tests::server::{SHOP, TestServer, field_value};

pub const PASSWORD: &str = "tides and timetables";

/// Two who work for the shop, and another house with one who works for both.
const PEOPLE: &str = r#"
[[organizer.staff]]
email = "ines@harbour.example"
name = "Ines Petersen"
password = "tides and timetables"

[[organizer.staff]]
email = "viewer@harbour.example"
name = "Vera Blick"
role = "viewer"
password = "tides and timetables"

[[organizer.staff]]
email = "both@harbour.example"
name = "Bo Both"
password = "tides and timetables"

[[organizer]]
slug = "zebra"
name = "Zebra Club"

[[organizer.staff]]
email = "zoe@zebra.example"
name = "Zoe Zander"
password = "tides and timetables"

[[organizer.staff]]
email = "both@harbour.example"
name = "Bo Both"
password = "tides and timetables"
"#;

/// A browser that is signed in.
#[derive(Debug)]
pub struct Browser {
    http: Client,
    origin: String,
    pub csrf: String,
}

/// The shop with its staff.
pub async fn server() -> TestServer {
    server_with(|_| {}).await
}

/// The same, otherwise configured.
pub async fn server_with(change: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::start_with(&format!("{SHOP}{PEOPLE}"), change).await.unwrap()
}

impl Browser {
    /// One that nobody has signed in with.
    pub fn new(server: &TestServer) -> Self {
        let http = Client::builder().cookie_store(true).redirect(Policy::none()).build().unwrap();
        Self { http, origin: server.url(""), csrf: String::new() }
    }

    /// Signed in as this person.
    pub async fn of(server: &TestServer, email: &str) -> Self {
        let mut browser = Self::new(server);
        let home = to(&browser.sign_in(email, PASSWORD).await);
        let page = browser.page(&home).await;
        browser.csrf = field_value(&page, "csrf").expect("a form of the session");
        browser
    }

    /// Signed in as the owner of the shop.
    pub async fn ines(server: &TestServer) -> Self {
        Self::of(server, "ines@harbour.example").await
    }

    pub async fn sign_in(&self, email: &str, password: &str) -> Response {
        let form = [("email", email), ("password", password), ("next", "")];
        self.request(self.http.post(self.url("/office/sign-in")).form(&form)).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    async fn request(&self, request: RequestBuilder) -> Response {
        request.header("accept", "text/html").header("origin", &self.origin).send().await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Response {
        self.request(self.http.get(self.url(path))).await
    }

    /// A page that must be there.
    pub async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, 200, "{path}: {text}");
        text
    }

    /// A form with the session's own token.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Response {
        let form: Vec<(&str, &str)> = form.iter().copied().chain([("csrf", self.csrf.as_str())]).collect();
        self.post_bare(path, &form).await
    }

    /// A form as it is given.
    pub async fn post_bare(&self, path: &str, form: &[(&str, &str)]) -> Response {
        self.request(self.http.post(self.url(path)).form(form)).await
    }

    /// A form that must be taken; answers where to.
    pub async fn send(&self, path: &str, form: &[(&str, &str)]) -> String {
        let answer = self.post(path, form).await;
        let (status, location) = (answer.status(), answer.headers().get("location").cloned());
        let text = answer.text().await.unwrap();
        assert_eq!(status, 303, "{path}: {text}");
        location.unwrap().to_str().unwrap().to_owned()
    }

    /// A form that must come back; answers the page.
    pub async fn refused(&self, path: &str, form: &[(&str, &str)]) -> String {
        let answer = self.post(path, form).await;
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, 422, "{path}: {text}");
        text
    }
}

/// Where a redirect leads.
pub fn to(answer: &Response) -> String {
    assert_eq!(answer.status(), 303, "a form is answered with where to look");
    answer.headers()["location"].to_str().unwrap().to_owned()
}
