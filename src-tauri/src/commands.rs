//! The one table of what the window may ask: name → request → answer. Registers each with Tauri and tells TypeScript.
//! What a command does stands in `commands/`, a few lines each; what is right is decided in the engine.

pub mod camera;
pub mod checkin;
pub mod devices;
pub mod settings;
pub mod till;

use self::{checkin::SearchRequest, devices::EnrolForm, till::PrintRequest};
use crate::{
    App,
    host::{camera::CameraChoice, printer::Printed},
    settings::Settings,
    typescript::Book,
};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use std::sync::Arc;
use tauri::State;
use willcall_domain::{
    checkin::wire::{DoorView, FoundTicket, ScanRequest, VerdictView},
    devices::wire::StatusView,
    problem::{Code, Problem},
    till::wire::{SaleView, SellRequest, TillView},
};

/// A request as it came; one that is none of its kind is answered like any other refusal.
struct Request<T>(Result<T, Problem>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Request<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(from)?;
        let refusal = |error: serde_json::Error| Problem::new(Code::Invalid, format!("The request is wrong: {error}."));
        Ok(Self(serde_json::from_value(value).map_err(refusal)))
    }
}

macro_rules! commands {
    ($($name:ident $(($request:ty))? -> $answer:ty = $slice:ident :: $function:ident;)+) => {
        $(commands!(@command $name $(($request))? -> $answer = $slice :: $function);)+

        /// Answers the window's commands.
        pub fn handler() -> impl Fn(tauri::ipc::Invoke<tauri::Wry>) -> bool + Send + Sync + 'static {
            tauri::generate_handler![$($name),+]
        }

        /// Writes the table down for TypeScript.
        pub fn describe(book: &mut Book) {
            $(book.command::<commands!(@request $($request)?), $answer>(stringify!($name));)+
        }
    };
    (@command $name:ident -> $answer:ty = $slice:ident :: $function:ident) => {
        #[tauri::command]
        async fn $name(app: State<'_, Arc<App>>) -> Result<$answer, Problem> {
            $slice::$function(&app).await
        }
    };
    (@command $name:ident ($request:ty) -> $answer:ty = $slice:ident :: $function:ident) => {
        #[tauri::command]
        async fn $name(app: State<'_, Arc<App>>, request: Request<$request>) -> Result<$answer, Problem> {
            $slice::$function(&app, request.0?).await
        }
    };
    (@request) => { () };
    (@request $request:ty) => { $request };
}

commands! {
    devices_status -> StatusView = devices::status;
    devices_enrol(EnrolForm) -> StatusView = devices::enrol;
    sync_now -> StatusView = devices::sync;
    checkin_door -> DoorView = checkin::door;
    checkin_scan(ScanRequest) -> VerdictView = checkin::scan;
    checkin_search(SearchRequest) -> Vec<FoundTicket> = checkin::search;
    till_view -> TillView = till::view;
    till_sell(SellRequest) -> SaleView = till::sell;
    till_print(PrintRequest) -> Printed = till::print;
    settings_get -> Settings = settings::get;
    settings_save(Settings) -> Settings = settings::save;
    camera_list -> Vec<CameraChoice> = camera::list;
    camera_start -> () = camera::start;
    camera_stop -> () = camera::stop;
    printer_list -> Vec<String> = till::printers;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_is_none_is_refused_as_a_problem_and_a_right_one_is_read() {
        let read = |text: &str| serde_json::from_str::<Request<EnrolForm>>(text).unwrap().0;
        let wanted = EnrolForm { url: "https://tickets.example".to_owned(), token: "wce_1".to_owned() };
        assert_eq!(read(r#"{"url":"https://tickets.example","token":"wce_1"}"#), Ok(wanted));
        for wrong in ["{}", "null", "[1]", r#"{"url":1,"token":"x"}"#] {
            let problem = read(wrong).unwrap_err();
            assert_eq!(problem.code, Code::Invalid, "{wrong}");
            assert!(problem.detail.starts_with("The request is wrong"), "{}", problem.detail);
        }
    }
}
