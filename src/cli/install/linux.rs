//! `install --user` on Linux: a unit for systemd's manager of the person's services, and an entry in the desktop's menu.

use std::path::{Path, PathBuf};

use super::files::Files;
use super::manager::run;
use super::menu_entry::{self, MenuEntry};
pub(super) use super::packages::{install, uninstall};
use super::settings::{checked, least_port, pinned, settings};
use super::user_unit::{MARK, NAME, UserUnit};
use crate::cli::exit::{Ended, Error, Exit};
use crate::config::Config;
use crate::platform::{places, private_files};

const FILES: Files = Files { mark: MARK };

/// Where things of this person are.
struct Person {
    /// Of popgate's settings.
    folder: PathBuf,
    config_home: PathBuf,
    data_home: PathBuf,
}

impl Person {
    fn of_process() -> Result<Self, Error> {
        let found = || {
            let (folder, data) = places::own_folder().zip(places::own_data())?;
            Some(Self {
                config_home: folder.parent()?.to_owned(),
                data_home: data.parent()?.to_owned(),
                folder,
            })
        };
        found().ok_or_else(|| {
            Error::Usage(
                "--user is for the account of a person, and this one is root's, a service's or without a home; a service of \
                 the whole machine comes with the packages: see deploy/install.md"
                    .to_owned(),
            )
        })
    }

    fn unit(&self) -> PathBuf {
        self.config_home.join("systemd/user").join(NAME)
    }

    fn files(&self) -> Vec<PathBuf> {
        let menu = menu_entry::paths(&self.data_home);
        [self.unit()].into_iter().chain(menu).collect()
    }
}

/// Writes the unit and the menu's entry, and starts popgate; what a person should know then.
pub(super) fn install_for_person(named: Option<&Path>) -> Result<String, Error> {
    let person = Person::of_process()?;
    let settings = settings(named, &person.folder)?;
    let config = checked(settings.as_deref())?;
    let pinned = pinned(settings.as_deref());
    let program = std::env::current_exe()?;
    let environment = [
        ("XDG_CONFIG_HOME", home_text(&person.config_home)),
        ("XDG_DATA_HOME", home_text(&person.data_home)),
    ];
    let unit = UserUnit {
        program: &program,
        settings: pinned,
        folder: &person.folder,
        environment: &environment,
    };
    let entry = MenuEntry {
        program: &program,
        settings: pinned,
        folder: &person.folder,
        environment: &environment,
    };
    let mut files = vec![(person.unit(), unit.text()?)];
    files.extend(entry.files(&person.data_home)?);
    // systemd enters it.
    private_files::create_folder(&person.folder)?;
    let was_there = FILES.is_ours(&person.unit())?;
    FILES.write(&files)?;
    announce(&person).or_else(|error| give_up(&person, was_there, &error))?;
    run("systemctl", &["--user", "restart", NAME]).map_err(|error| {
        Error::failed(format!(
            "{error}; popgate is installed, and starts at the next login, but does not run now: see `journalctl --user --unit \
             {NAME}`, or take it back by `popgate uninstall --user`"
        ))
    })?;
    Ok(report(&person, settings.as_deref(), config.as_ref()))
}

/// Lets systemd read the unit, and start it at the login.
fn announce(person: &Person) -> Result<(), Error> {
    run("systemctl", &["--user", "daemon-reload"])?;
    // By its path, which the manager may not search.
    let path = person.unit().to_string_lossy().into_owned();
    run("systemctl", &["--user", "enable", &path])?;
    Ok(())
}

/// Removes what was not there before, and says what was done, and why not all of it.
fn give_up(person: &Person, was_there: bool, error: &Error) -> Result<(), Error> {
    let done = match was_there {
        true => {
            "the unit and the menu's entry are replaced, but what runs is as before, and may not start at the login"
        }
        false => {
            FILES.remove(&person.files())?;
            "nothing is installed"
        }
    };
    Err(Error::failed(format!(
        "{error}; {done}. If no systemd answers for this account: log in at the desktop or by ssh, and not by su or sudo, and \
         try again; where there is no systemd, let the desktop start `popgate serve` at the login"
    )))
}

/// Paths that are not UTF-8 have been refused by the unit.
fn home_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn report(person: &Person, settings: Option<&Path>, config: Option<&Config>) -> String {
    let unit = person.unit();
    let next = match (settings, config) {
        (Some(settings), Some(config)) => {
            let ports = config.listen.iter().map(|it| it.address.to_string());
            let ports: Vec<_> = ports.collect();
            let settings = settings.display();
            format!(
                "settings: {settings}\nmail programs connect to {}",
                ports.join(", ")
            )
        }
        _ => {
            let port = match least_port() {
                least @ 111.. => format!(
                    ": ports below {least} need a privilege here, so it is 1110 and not 110"
                ),
                _ => String::new(),
            };
            format!(
                "there are no settings yet: `popgate open`, or popgate in the menu, shows the pages that ask for them\nmail \
                 programs connect to the port that these pages name{port}"
            )
        }
    };
    format!(
        "popgate runs, and starts at each login of this account ({})\n{next}\n\
         it stops when you log out: `loginctl enable-linger` lets it run from the start of the machine on\n\
         `popgate uninstall --user` takes this back",
        unit.display()
    )
}

/// Starts the unit, and writes it first, for these settings, if it is not there.
pub(super) fn start_for_person(settings: Option<&Path>) -> Result<(), Error> {
    let person = Person::of_process()?;
    match FILES.is_ours(&person.unit())? {
        true => run("systemctl", &["--user", "start", NAME]).map(drop),
        false => install_for_person(settings).map(drop),
    }
}

/// Stops popgate, and removes what was written, as far as it is there. Settings and mail stay.
pub(super) fn uninstall_for_person() -> Ended {
    let person = Person::of_process()?;
    let files = person.files();
    let has_unit = FILES.is_ours(&person.unit())?;
    let is_ours = |path: &PathBuf| FILES.is_ours(path).is_ok_and(|ours| ours);
    if !files.iter().any(is_ours) {
        return Err(Error::NotFound(format!(
            "`popgate install --user` has installed nothing for this account: there is no {}",
            person.unit().display()
        )));
    }
    let stopped = run("systemctl", &["--user", "disable", "--now", NAME]);
    // One whose file is gone is not always known to systemd.
    if let (true, Err(error)) = (has_unit, stopped) {
        let files: Vec<_> = files.iter().map(|it| it.display().to_string()).collect();
        return Err(Error::failed(format!(
            "{error}; nothing is removed: log in at the desktop or by ssh, and not by su or sudo, and try again, or remove {}",
            files.join(", ")
        )));
    }
    for path in FILES.remove(&files)? {
        println!("removed {}", path.display());
    }
    if has_unit {
        run("systemctl", &["--user", "daemon-reload"])?;
    }
    println!(
        "popgate no longer starts at the login, and is stopped; settings and mail stay in {} and {}",
        person.folder.display(),
        person.data_home.join("popgate").display()
    );
    Ok(Exit::Fine)
}
