//! The one table of what the window may ask: name → request → answer. Registers each with Tauri and tells TypeScript.
//! What a command does stands in `commands/`, a few lines each; what is right is decided in the engine.

pub mod access;
pub mod camera;
pub mod checkin;
pub mod copies;
pub mod devices;
pub mod leases;
pub mod scanner;
pub mod settings;
pub mod sync;
pub mod till;

use self::{
    checkin::{
        BadgeForm, DoorListForm, ExchangeForm, ListForm, ReadyForm, ScanForm, SearchRequest, TurnstileForm, UndoForm,
    },
    copies::{CopiesForm, PutBackView, RestoreForm, WipeForm},
    devices::EnrolForm,
    leases::{CodeForm, GiveForm, UnitsFile, WriteAgainForm},
    sync::{CarriedView, CarryForm, WrittenView},
    till::PrintRequest,
};
use crate::{
    App,
    host::{
        camera::{CameraChoice, CameraControl, SetControl},
        chooser::ChooseForm,
        printer::Printed,
    },
    settings::Settings,
    typescript::Book,
};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use std::sync::Arc;
use tauri::State;
use willcall_domain::{
    access::view::{PeopleView, SignInRequest},
    checkin::{
        board::{ArrivalsView, RefusedScan},
        wire::{DoorView, ExchangeView, FoundTicket, VerdictView},
    },
    devices::{readiness::ReadinessView, wire::StatusView},
    leases::{
        right_view::{PayOrderRequest, RefundOrderRequest, RightView, RightsView, TakeRightRequest},
        view::{GivenView, HandOverOffer, LeasesView, ReturnRequest},
    },
    problem::{Code, Problem},
    sync::case_view::{CasesView, CloseCaseRequest},
    till::wire::{SaleView, SellRequest, TillView, VoidRequest},
};
use willcall_station::copies::overview::CopiesView;

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
    devices_change_key -> StatusView = devices::change_key;
    sync_now -> StatusView = devices::sync;
    sync_cases -> CasesView = sync::cases;
    sync_close_case(CloseCaseRequest) -> CasesView = sync::close_case;
    sync_export(CarryForm) -> WrittenView = sync::export;
    sync_carry(CarryForm) -> CarriedView = sync::carry;
    copies_view -> CopiesView = copies::view;
    copies_media -> Vec<String> = copies::media;
    copies_backup -> CopiesView = copies::backup;
    copies_change(CopiesForm) -> CopiesView = copies::change;
    copies_restore(RestoreForm) -> PutBackView = copies::restore;
    copies_rebuild -> PutBackView = copies::rebuild;
    copies_wipe(WipeForm) -> StatusView = copies::wipe;
    access_people -> PeopleView = access::people;
    access_sign_in(SignInRequest) -> PeopleView = access::sign_in;
    access_sign_out -> PeopleView = access::sign_out;
    checkin_door -> DoorView = checkin::door;
    checkin_scan(ScanForm) -> VerdictView = checkin::scan;
    checkin_exchange(ExchangeForm) -> ExchangeView = checkin::exchange;
    checkin_undo(UndoForm) -> DoorView = checkin::undo;
    checkin_arrivals(ListForm) -> ArrivalsView = checkin::arrivals;
    checkin_refused -> Vec<RefusedScan> = checkin::refused;
    checkin_ready(ReadyForm) -> ReadinessView = checkin::ready;
    checkin_door_list(DoorListForm) -> Printed = checkin::door_list;
    checkin_badge(BadgeForm) -> Printed = checkin::badge;
    checkin_turnstile(TurnstileForm) -> () = checkin::turnstile;
    window_choose(ChooseForm) -> Option<String> = settings::choose;
    checkin_search(SearchRequest) -> Vec<FoundTicket> = checkin::search;
    till_view -> TillView = till::view;
    till_sell(SellRequest) -> SaleView = till::sell;
    till_void(VoidRequest) -> SaleView = till::void;
    till_pay_order(PayOrderRequest) -> SaleView = till::pay_order;
    till_refund_order(RefundOrderRequest) -> SaleView = till::refund_order;
    till_print(PrintRequest) -> Printed = till::print;
    leases_view -> LeasesView = leases::view;
    leases_files -> Vec<String> = leases::files;
    leases_give(GiveForm) -> GivenView = leases::give;
    leases_write_again(WriteAgainForm) -> GivenView = leases::write_again;
    leases_look(UnitsFile) -> HandOverOffer = leases::look;
    leases_take(UnitsFile) -> LeasesView = leases::take;
    leases_decline(UnitsFile) -> LeasesView = leases::decline;
    leases_return(ReturnRequest) -> LeasesView = leases::give_back;
    leases_rights -> RightsView = leases::rights;
    leases_take_right(TakeRightRequest) -> RightView = leases::take_right;
    leases_release_right(CodeForm) -> RightsView = leases::release_right;
    settings_get -> Settings = settings::get;
    settings_save(Settings) -> Settings = settings::save;
    camera_list -> Vec<CameraChoice> = camera::list;
    camera_start -> () = camera::start;
    camera_stop -> () = camera::stop;
    scanner_ports -> Vec<String> = scanner::ports;
    scanner_start -> () = scanner::start;
    scanner_stop -> () = scanner::stop;
    camera_controls -> Vec<CameraControl> = camera::controls;
    camera_set(SetControl) -> Vec<CameraControl> = camera::set;
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
