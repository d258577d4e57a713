//! `install --user` on macOS: an agent of launchd. None of this has run on macOS yet.

use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use super::files::Files;
use super::launch_agent::{LABEL, LaunchAgent, MARK};
use super::manager::told;
pub(super) use super::packages::{install, uninstall};
use crate::cli::config_file;
use crate::cli::exit::{Ended, Error, Exit};
use crate::platform::{places, private_files};

const FILES: Files = Files { mark: MARK };

/// Where things of this person are.
struct Person {
    /// Of popgate's settings.
    folder: PathBuf,
    library: PathBuf,
}

impl Person {
    fn of_process() -> Result<Self, Error> {
        let found = || {
            let folder = places::own_folder()?;
            let library = folder.parent()?.parent()?.to_owned();
            Some(Self { folder, library })
        };
        let why = "--user is for the account of a person, and this one is root's, a service's or without a home";
        found().ok_or_else(|| Error::Usage(why.to_owned()))
    }

    fn agent(&self) -> PathBuf {
        self.library.join("LaunchAgents/popgate.plist")
    }
}

/// The session of this person at the desktop.
fn domain() -> String {
    format!("gui/{}", geteuid())
}

/// Writes the agent, and starts popgate; what a person should know then.
pub(super) fn install_for_person(named: Option<&Path>) -> Result<String, Error> {
    let person = Person::of_process()?;
    let settings = config_file::trusted_of_person(named)?;
    let settings = settings.map(std::path::absolute).transpose()?;
    let pinned = settings.filter(|it| Some(it) != places::own_settings().as_ref());
    let agent = LaunchAgent {
        program: &std::env::current_exe()?,
        settings: pinned.as_deref(),
        folder: &person.folder,
        log: &person.library.join("Logs/popgate.log"),
    };
    // launchd enters it.
    private_files::create_folder(&person.folder)?;
    let path = person.agent();
    let was_there = FILES.is_ours(&path)?;
    FILES.write(&[(path.clone(), agent.text())])?;
    let service = format!("{}/{LABEL}", domain());
    if was_there {
        // What is loaded keeps the old list; it may have been unloaded by hand.
        let _ = told("launchctl", &["bootout", &service]);
    }
    told(
        "launchctl",
        &["bootstrap", &domain(), &path.to_string_lossy()],
    )?;
    Ok(format!(
        "popgate runs, and starts at each login of this account ({})\n\
         `popgate open` shows its pages, which ask for the settings if there are none; its log is {}\n\
         `popgate uninstall --user` takes this back",
        path.display(),
        agent.log.display()
    ))
}

/// Starts the agent, and writes it first if it is not there.
pub(super) fn start_for_person() -> Result<(), Error> {
    let person = Person::of_process()?;
    match FILES.is_ours(&person.agent())? {
        true => {
            let service = format!("{}/{LABEL}", domain());
            told("launchctl", &["kickstart", &service]).map(drop)
        }
        false => install_for_person(None).map(drop),
    }
}

/// Stops popgate, and removes what was written. Settings and mail stay.
pub(super) fn uninstall_for_person() -> Ended {
    let person = Person::of_process()?;
    let path = person.agent();
    if !FILES.is_ours(&path)? {
        return Err(Error::NotFound(format!(
            "`popgate install --user` has installed nothing for this account: there is no {}",
            path.display()
        )));
    }
    told("launchctl", &["bootout", &format!("{}/{LABEL}", domain())])?;
    FILES.remove(&[path])?;
    println!(
        "popgate no longer starts at the login, and is stopped; settings and mail stay in {}",
        person.folder.display()
    );
    Ok(Exit::Fine)
}
