//! `install --user` on Linux: a unit for systemd's manager of the person's services, and an entry in the desktop's menu.

use std::path::{Path, PathBuf};

use super::files::Files;
use super::manager::told;
use super::menu_entry;
pub(super) use super::packages::{install, uninstall};
use super::user_unit::{MARK, NAME, UserUnit};
use crate::cli::config_file;
use crate::cli::exit::{Ended, Error, Exit};
use crate::config::{Config, Flags};
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
    let settings = settings(named, &person)?;
    let config = checked(settings.as_deref())?;
    let pinned = settings.as_deref();
    let pinned = pinned.filter(|it| Some(*it) != places::own_settings().as_deref());
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
    let mut files = vec![(person.unit(), unit.text()?)];
    files.extend(menu_entry::files(
        &program.to_string_lossy(),
        &person.data_home,
    ));
    // systemd enters it.
    private_files::create_folder(&person.folder)?;
    let was_there = FILES.is_ours(&person.unit())?;
    FILES.write(&files)?;
    if let Err(error) = told("systemctl", &["--user", "daemon-reload"]) {
        if !was_there {
            FILES.remove(&person.files())?;
        }
        return Err(Error::failed(format!(
            "{error}; nothing is installed: this account has no systemd that answers. Log in at the desktop or by ssh, and not \
             by su or sudo, and try again; where there is no systemd, let the desktop start `popgate serve` at the login"
        )));
    }
    // By its path, which the manager may not search.
    let path = person.unit().to_string_lossy().into_owned();
    told("systemctl", &["--user", "enable", &path])?;
    told("systemctl", &["--user", "restart", NAME]).map_err(|error| {
        Error::failed(format!(
            "{error}; popgate is installed, and starts at the next login, but does not run now: see `journalctl --user --unit \
             {NAME}`, or take it back by `popgate uninstall --user`"
        ))
    })?;
    Ok(report(&person, settings.as_deref(), config.as_ref()))
}

/// Paths that are not UTF-8 have been refused by the unit.
fn home_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The settings that the unit shall serve; `None` if there are none yet.
fn settings(named: Option<&Path>, person: &Person) -> Result<Option<PathBuf>, Error> {
    let Some(found) = config_file::trusted_of_person(named)? else {
        return Ok(None);
    };
    if named.is_none() && found.is_absolute() && !found.starts_with(&person.folder) {
        return Err(Error::failed(format!(
            "{} has the settings of this machine's service; write your own into {}, or name them with --config",
            found.display(),
            person.folder.join("popgate.toml").display()
        )));
    }
    Ok(Some(std::path::absolute(found)?))
}

/// Reads them, and finds what would keep the service from starting.
fn checked(settings: Option<&Path>) -> Result<Option<Config>, Error> {
    let Some(settings) = settings else {
        return Ok(None);
    };
    let (config, mut problems) = config_file::load(Some(settings), &Flags::default());
    let least = least_port();
    for (number, listen) in config.listen.iter().enumerate() {
        let port = listen.address.port();
        if port != 0 && port < least {
            let mut problem = config.problem(
                &format!("listen[{number}].address"),
                format!(
                    "{}: ports below {least} are not for the services of a person, whatever the program may do by itself; write \
                     address = \"127.0.0.1:1110\" under [[listen]], and connect the mail program to that port",
                    listen.address
                ),
            );
            // The default comes from no file, and this one is where to write another.
            if problem.file.is_empty() {
                problem.file = settings.display().to_string();
            }
            problems.push(problem);
        }
    }
    match problems.is_empty() {
        true => Ok(Some(config)),
        false => Err(Error::Invalid(problems)),
    }
}

/// The least port that needs no privilege (ip(7)). Those of the program's file do not count in a service that may get no
/// new ones.
fn least_port() -> u16 {
    let said = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    let least = said.ok().and_then(|it| it.trim().parse().ok());
    least.unwrap_or(1024)
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
         it ends with the last logout: `loginctl enable-linger` lets it run from the start of the machine on\n\
         `popgate uninstall --user` takes this back",
        unit.display()
    )
}

/// Starts the unit, and writes it first if it is not there.
pub(super) fn start_for_person() -> Result<(), Error> {
    let person = Person::of_process()?;
    match FILES.is_ours(&person.unit())? {
        true => told("systemctl", &["--user", "start", NAME]).map(drop),
        false => install_for_person(None).map(drop),
    }
}

/// Stops popgate, and removes what was written. Settings and mail stay.
pub(super) fn uninstall_for_person() -> Ended {
    let person = Person::of_process()?;
    if !FILES.is_ours(&person.unit())? {
        return Err(Error::NotFound(format!(
            "`popgate install --user` has installed nothing for this account: there is no {}",
            person.unit().display()
        )));
    }
    told("systemctl", &["--user", "disable", "--now", NAME]).map_err(|error| {
        let files: Vec<_> = person.files().iter().map(|it| it.display().to_string()).collect();
        Error::failed(format!(
            "{error}; nothing is removed: log in at the desktop or by ssh, and not by su or sudo, and try again, or remove {}",
            files.join(", ")
        ))
    })?;
    let files = person.files();
    for path in FILES.remove(&files)? {
        println!("removed {}", path.display());
    }
    told("systemctl", &["--user", "daemon-reload"])?;
    println!(
        "popgate no longer starts at the login, and is stopped; settings and mail stay in {} and {}",
        person.folder.display(),
        person.data_home.join("popgate").display()
    );
    Ok(Exit::Fine)
}
