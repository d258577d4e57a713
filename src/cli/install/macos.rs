//! `install --user` on macOS: an agent of launchd. None of this has run on macOS yet.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::unistd::geteuid;

use super::files::Files;
use super::launch_agent::{LABEL, LaunchAgent, MARK};
use super::manager::run;
pub(super) use super::packages::{install, uninstall};
use super::settings::{checked, pinned, settings};
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

/// The agent in that session.
fn service() -> String {
    format!("{}/{LABEL}", domain())
}

/// Writes the agent, and starts popgate; what a person should know then.
pub(super) fn install_for_person(named: Option<&Path>) -> Result<String, Error> {
    let person = Person::of_process()?;
    let settings = settings(named, &person.folder)?;
    let config = checked(settings.as_deref())?;
    let agent = LaunchAgent {
        program: &std::env::current_exe()?,
        settings: pinned(settings.as_deref()),
        folder: &person.folder,
        log: &person.library.join("Logs/popgate.log"),
    };
    // launchd enters it.
    private_files::create_folder(&person.folder)?;
    let path = person.agent();
    let was_there = FILES.is_ours(&path)?;
    FILES.write(&[(path.clone(), agent.text())])?;
    if was_there {
        // What is loaded keeps the old list; it may have been unloaded by hand.
        let _ = run("launchctl", &["bootout", &service()]);
    }
    if let Err(error) = bootstrap(&path) {
        let done = match was_there {
            true => "the agent is replaced, and starts at the next login, but does not run now",
            false => {
                FILES.remove(&[path])?;
                "nothing is installed"
            }
        };
        return Err(Error::failed(format!(
            "{error}; {done}. launchd starts it only where this account is logged in at the desktop"
        )));
    }
    let next = match config {
        Some(config) => {
            let ports = config.listen.iter().map(|it| it.address.to_string());
            let ports: Vec<_> = ports.collect();
            format!("mail programs connect to {}", ports.join(", "))
        }
        None => {
            "there are no settings yet: `popgate open` shows the pages that ask for them".to_owned()
        }
    };
    Ok(format!(
        "popgate runs, and starts at each login of this account ({})\n{next}\nits log is {}\n\
         `popgate uninstall --user` takes this back",
        path.display(),
        agent.log.display()
    ))
}

/// Loads the agent, and starts it. An agent of this name that was unloaded just now may still be about to end.
fn bootstrap(agent: &Path) -> Result<(), Error> {
    const LIMIT: Duration = Duration::from_secs(5);

    let begin = Instant::now();
    let (domain, agent) = (domain(), agent.to_string_lossy());
    loop {
        match run("launchctl", &["bootstrap", &domain, &agent]) {
            Ok(_) => return Ok(()),
            Err(error) if begin.elapsed() >= LIMIT => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(250)),
        }
    }
}

/// Starts the agent, and writes it first, for these settings, if it is not there.
pub(super) fn start_for_person(settings: Option<&Path>) -> Result<(), Error> {
    let person = Person::of_process()?;
    let agent = person.agent();
    if !FILES.is_ours(&agent)? {
        return install_for_person(settings).map(drop);
    }
    match run("launchctl", &["kickstart", &service()]) {
        Ok(_) => Ok(()),
        // It is not loaded.
        Err(_) => bootstrap(&agent),
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
    let service = service();
    let stopped = run("launchctl", &["bootout", &service]);
    FILES.remove(&[path])?;
    // One that is not loaded cannot be unloaded, and need not be.
    let state = match stopped {
        Err(_) if run("launchctl", &["print", &service]).is_ok() => {
            format!("but still runs: `launchctl bootout {service}` stops it")
        }
        _ => "and is stopped".to_owned(),
    };
    println!(
        "popgate no longer starts at the login, {state}; settings and mail stay in {}",
        person.folder.display()
    );
    Ok(Exit::Fine)
}
