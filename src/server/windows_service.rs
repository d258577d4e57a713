//! popgate as a Windows service: what the service manager wants to know, and what it asks for.
//!
//! In: a function that serves until it is stopped; out: the same, with the service manager informed. It stops the service
//! as Ctrl-C stops a program: sessions end first. At the end of the system it gets the time for that, too.

use std::ffi::OsString;
use std::io;
use std::sync::{Mutex, Once, OnceLock, PoisonError};
use std::time::Duration;

use tracing::Level;
use windows_service::service::{
    ServiceControl, ServiceControlAccept, ServiceExitCode, ServiceState, ServiceStatus, ServiceType,
};
use windows_service::service_control_handler::{
    self, ServiceControlHandlerResult, ServiceStatusHandle,
};
use windows_service::{define_windows_service, service_dispatcher};

use super::events::EventQueue;
use super::signals::{reload_service, stop_service};
use crate::platform::event_log::Events;

/// The name that the service manager knows it by.
pub const NAME: &str = "popgate";

/// How long it may take until it serves.
const STARTING: Duration = Duration::from_secs(60);

/// How long it may take until the last session has ended, also at the end of the system.
pub const STOPPING: Duration = Duration::from_secs(120);

/// What the service does; returns its exit code.
type Serve = Box<dyn FnOnce() -> u32 + Send>;

/// The system calls a function without arguments of ours.
static SERVE: Mutex<Option<Serve>> = Mutex::new(None);

/// `None` unless the service manager has started this process.
static STATUS: OnceLock<ServiceStatusHandle> = OnceLock::new();

/// The event log, once this is a service.
static EVENTS: OnceLock<EventQueue> = OnceLock::new();

define_windows_service!(ffi_main, service_main);

/// Runs as a service until the service manager stops it.
///
/// # Errors
/// If the service manager has not started this process.
pub fn run(serve: impl FnOnce() -> u32 + Send + 'static) -> io::Result<()> {
    *SERVE.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(serve));
    service_dispatcher::start(NAME, ffi_main).map_err(of_system)
}

/// From now on starts, stops, warnings and errors are events of the system, too. Without events the service serves all the same.
pub fn begin_events() {
    let events = Events::open(NAME);
    let queue =
        events.and_then(|events| EventQueue::start(move |level, text| events.report(level, text)));
    if let Ok(queue) = queue {
        // A second call changes nothing.
        let _ = EVENTS.set(queue);
    }
}

/// What makes events of warnings and errors; `None` unless this is a service.
pub(super) fn events() -> Option<EventQueue> {
    EVENTS.get().cloned()
}

/// Puts a sentence into the event log.
pub fn event(level: Level, text: impl Into<String>) {
    if let Some(events) = EVENTS.get() {
        events.put(level, text.into());
    }
}

/// Waits until all events are written, a second at most.
pub fn flush_events() {
    if let Some(events) = EVENTS.get() {
        events.flush();
    }
}

/// The system's error, which says more than the library's.
pub fn of_system(error: windows_service::Error) -> io::Error {
    match error {
        windows_service::Error::Winapi(error) => error,
        error => io::Error::other(error),
    }
}

fn service_main(_: Vec<OsString>) {
    let status = service_control_handler::register(NAME, control);
    let Ok(status) = status else {
        return;
    };
    let _ = STATUS.set(status);
    report(ServiceState::StartPending, STARTING, 0);
    let serve = SERVE.lock().unwrap_or_else(PoisonError::into_inner).take();
    let code = serve.map_or(0, |serve| serve());
    match code {
        0 => event(Level::INFO, "popgate has stopped"),
        code => event(
            Level::ERROR,
            format!("popgate has ended with exit code {code}"),
        ),
    }
    flush_events();
    report(ServiceState::Stopped, Duration::ZERO, code);
}

/// What the service manager asks for, on a thread of its own.
fn control(event: ServiceControl) -> ServiceControlHandlerResult {
    match event {
        ServiceControl::Stop | ServiceControl::Preshutdown => stop_service(),
        ServiceControl::ParamChange => reload_service(),
        ServiceControl::Interrogate => {}
        _ => return ServiceControlHandlerResult::NotImplemented,
    }
    ServiceControlHandlerResult::NoError
}

/// There are no settings yet, only the pages that ask for them. The service manager has no state for that.
pub(super) fn waiting() {
    event(
        Level::INFO,
        "popgate waits for its settings: open the console",
    );
    report(ServiceState::Running, Duration::ZERO, 0);
}

/// All sockets are bound and all rules are loaded.
pub(super) fn running() {
    /// After a reload it runs again, which is no start.
    static STARTED: Once = Once::new();
    STARTED.call_once(|| event(Level::INFO, "popgate serves"));
    report(ServiceState::Running, Duration::ZERO, 0);
}

/// No new sessions, running ones may end.
pub(super) fn stopping() {
    event(
        Level::INFO,
        "popgate stops: no new sessions, running ones may end",
    );
    report(ServiceState::StopPending, STOPPING, 0);
}

fn report(current_state: ServiceState, wait_hint: Duration, code: u32) {
    let Some(status) = STATUS.get() else {
        return;
    };
    let accepts = match current_state {
        ServiceState::Running => {
            ServiceControlAccept::STOP
                | ServiceControlAccept::PRESHUTDOWN
                | ServiceControlAccept::PARAM_CHANGE
        }
        ServiceState::StartPending => ServiceControlAccept::STOP,
        _ => ServiceControlAccept::empty(),
    };
    let set = status.set_service_status(ServiceStatus {
        service_type: ServiceType::OWN_PROCESS,
        current_state,
        controls_accepted: accepts,
        exit_code: match code {
            0 => ServiceExitCode::NO_ERROR,
            code => ServiceExitCode::ServiceSpecific(code),
        },
        checkpoint: 0,
        wait_hint,
        process_id: None,
    });
    if let Err(error) = set {
        tracing::warn!(%error, "the service manager cannot be notified");
    }
}
