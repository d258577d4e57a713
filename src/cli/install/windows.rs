//! The service of Windows: registered with the service manager, or removed.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use windows_service::service::{
    ServiceAccess, ServiceErrorControl, ServiceInfo, ServiceStartType, ServiceState, ServiceType,
};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};

use super::super::exit::{Ended, Error, Exit};
use crate::platform::{event_log, places, private_files};
use crate::server::windows_service::{NAME, STOPPING, of_system};

/// The account that the system makes for this service alone.
const ACCOUNT: &str = r"NT SERVICE\popgate";

/// How long a stop may take: sessions end first.
const LONGEST_STOP: Duration = STOPPING.saturating_add(Duration::from_secs(10));

/// Registers the service, and starts it.
pub(super) fn install() -> Ended {
    let none = || Error::failed("the system names no folder for data of services (%ProgramData%)");
    let folder = places::service_folder().ok_or_else(none)?;
    private_files::create_folder(&folder)?;
    refuse_somebody_elses(&folder)?;
    let access = ServiceManagerAccess::CONNECT | ServiceManagerAccess::CREATE_SERVICE;
    let manager = ServiceManager::local_computer(None::<&str>, access).map_err(failed)?;
    let info = ServiceInfo {
        name: OsString::from(NAME),
        display_name: OsString::from("popgate"),
        service_type: ServiceType::OWN_PROCESS,
        start_type: ServiceStartType::AutoStart,
        error_control: ServiceErrorControl::Normal,
        executable_path: std::env::current_exe()?,
        launch_arguments: vec![OsString::from("service"), folder.clone().into()],
        dependencies: Vec::new(),
        account_name: Some(OsString::from(ACCOUNT)),
        account_password: None,
    };
    let access = ServiceAccess::CHANGE_CONFIG | ServiceAccess::START;
    let service = manager.create_service(&info, access).map_err(failed)?;
    // Not before: a refused installation leaves no source of events, and does not change that of an installed service.
    event_log::register(NAME)?;
    let description = "Stands between mail programs and the provider's server, and filters spam.";
    service.set_description(description).map_err(failed)?;
    // Windows waits ten seconds for a service when it ends, unless the service asks for more.
    service.set_preshutdown_timeout(STOPPING).map_err(failed)?;
    let grants = grant(&folder);
    service.start::<&str>(&[]).map_err(failed)?;
    println!("the service popgate is installed, and runs; `popgate open` shows its console");
    grants
}

/// Everybody may make folders in %ProgramData%, also one of this name before popgate is installed: the service would take
/// settings from it, and may do everything in it.
fn refuse_somebody_elses(folder: &Path) -> Result<(), Error> {
    let refused = |why: &str| {
        Error::failed(format!(
            "{}: {why}; the service would take its settings from there: look at what it is, remove or rename it, and install again",
            folder.display()
        ))
    };
    if std::fs::symlink_metadata(folder)?.is_symlink() {
        return Err(refused("it is a link"));
    }
    match private_files::foreign_owner(folder)? {
        Some(owner) => Err(refused(&format!("the account {owner} owns it"))),
        None => Ok(()),
    }
}

/// The service owns its folder, which only administrators can enter otherwise.
fn grant(folder: &Path) -> Ended {
    let mut command = Command::new("icacls.exe");
    command
        .arg(folder)
        .args(["/grant", &format!("{ACCOUNT}:(OI)(CI)F")]);
    let said = command.stdin(Stdio::null()).output()?;
    match said.status.success() {
        true => Ok(Exit::Fine),
        false => Err(Error::failed(format!(
            "{}: the service may not use this folder: {}",
            folder.display(),
            String::from_utf8_lossy(&said.stderr).trim()
        ))),
    }
}

/// Stops the service, and removes it. Settings and mail stay.
pub(super) fn uninstall() -> Ended {
    let manager = ServiceManager::local_computer(None::<&str>, ServiceManagerAccess::CONNECT);
    let access = ServiceAccess::QUERY_STATUS | ServiceAccess::STOP | ServiceAccess::DELETE;
    let service = manager
        .map_err(failed)?
        .open_service(NAME, access)
        .map_err(failed)?;
    let state = || service.query_status().map(|it| it.current_state);
    if state().map_err(failed)? != ServiceState::Stopped {
        service.stop().map_err(failed)?;
    }
    let begin = Instant::now();
    while state().map_err(failed)? != ServiceState::Stopped {
        if begin.elapsed() > LONGEST_STOP {
            return Err(Error::failed(
                "the service popgate does not stop, and is still installed: uninstall it again once it has stopped",
            ));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    service.delete().map_err(failed)?;
    event_log::deregister(NAME)?;
    println!(
        "the service popgate is removed; its settings and the mail that it holds are still there"
    );
    Ok(Exit::Fine)
}

fn failed(error: windows_service::Error) -> Error {
    /// ERROR_ACCESS_DENIED, ERROR_SERVICE_DOES_NOT_EXIST, ERROR_SERVICE_EXISTS.
    const ADVICE: [(i32, &str); 3] = [
        (5, "start it as administrator"),
        (1060, "it is not installed"),
        (
            1073,
            "it is installed already; `popgate uninstall` removes it",
        ),
    ];
    let error = of_system(error);
    let advice = ADVICE
        .iter()
        .find(|(code, _)| error.raw_os_error() == Some(*code));
    Error::failed(match advice {
        Some((_, advice)) => format!("the service popgate: {error}; {advice}"),
        None => format!("the service popgate: {error}"),
    })
}

/// A person's programs are started by the person's own shell, which nobody tells from outside.
fn for_person() -> Error {
    Error::Usage(
        "--user is not for Windows: `popgate install`, as administrator, registers the service for everybody here; to let \
         popgate start at your login alone, put a shortcut to `popgate.exe serve` into the folder that Windows-R, \
         \"shell:startup\" opens"
            .to_owned(),
    )
}

pub(super) fn install_for_person(_: Option<&Path>) -> Result<String, Error> {
    Err(for_person())
}

/// Only an administrator may start the service.
pub(super) fn start_for_person(_: Option<&Path>) -> Result<(), Error> {
    Err(Error::failed(
        "no popgate answers; as administrator, start its service, `sc start popgate`, or install it, `popgate install`",
    ))
}

pub(super) fn uninstall_for_person() -> Ended {
    Err(for_person())
}
