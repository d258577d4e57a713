//! `popgate top`: what the dashboards show, live in a terminal, from /metrics.

mod sample;
mod screen;
mod summary;
mod text;

use std::io::{IsTerminal, Write, stdout};
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use clap::Args;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::admin_client::{self, AdminArgs};
use super::exit::{Ended, Error, Exit};
use super::shared_args::block_on;
use crate::server::signals::StopSignals;

use sample::Sample;
use screen::Screen;
use summary::Summary;

/// Flags of `top`.
#[derive(Debug, Args)]
pub struct TopArgs {
    #[command(flatten)]
    admin: AdminArgs,
    /// Seconds between two samples
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    /// Print one summary and end
    #[arg(long)]
    once: bool,
}

/// Runs until it is interrupted; once if stdout is not a terminal.
pub(super) fn run(args: &TopArgs) -> Ended {
    let admin = args.admin.address()?;
    let top = Top {
        admin,
        interval: args.interval,
    };
    block_on(async {
        match stdout().is_terminal() && !args.once {
            true => top.live().await?,
            false => top.print().await?,
        }
        Ok(Exit::Fine)
    })
}

/// What happens on the terminal.
enum Input {
    Quit,
    Resize,
}

struct Top {
    admin: SocketAddr,
    interval: u64,
}

impl Top {
    async fn print(&self) -> Result<(), Error> {
        let before = self.sample().await?;
        sleep(Duration::from_secs(self.interval)).await;
        let summary = Summary::new(&before, &self.sample().await?, self.interval as f64);
        stdout().write_all(text::render(&summary).as_bytes())?;
        Ok(())
    }

    async fn live(&self) -> Result<(), Error> {
        // Before the alternate screen, so that an error stays visible.
        let before = self.sample().await?;
        let mut stops = StopSignals::new()?;
        // It also restores the terminal after a panic.
        let mut terminal = ratatui::try_init()?;
        let shown = tokio::select! {
            shown = self.show(before, &mut terminal) => shown,
            () = stops.next() => Ok(()),
        };
        ratatui::restore();
        shown
    }

    async fn show(&self, mut before: Sample, terminal: &mut DefaultTerminal) -> Result<(), Error> {
        let mut input = read_input();
        let mut now = self.sample().await?;
        loop {
            let summary = Summary::new(&before, &now, self.interval as f64);
            let screen = Screen {
                summary: &summary,
                interval: self.interval,
                styled: std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty()),
            };
            terminal.draw(|frame| screen.draw(frame))?;
            let next = sleep(Duration::from_secs(self.interval));
            tokio::pin!(next);
            loop {
                tokio::select! {
                    () = &mut next => break,
                    event = input.recv() => match event {
                        Some(Input::Resize) => {
                            terminal.draw(|frame| screen.draw(frame))?;
                        }
                        Some(Input::Quit) | None => return Ok(()),
                    },
                }
            }
            before = std::mem::replace(&mut now, self.sample().await?);
        }
    }

    async fn sample(&self) -> Result<Sample, Error> {
        let (status, text) = admin_client::get(self.admin, "/metrics").await?;
        match status.is_success() {
            true => Ok(Sample::read(&text)),
            false => {
                let message = format!("{}: it answers {status}", self.admin);
                Err(Error::failed(message))
            }
        }
    }
}

/// Keys and resizes, read on a separate thread, which ends with the process or the terminal.
fn read_input() -> mpsc::UnboundedReceiver<Input> {
    let (sender, receiver) = mpsc::unbounded_channel();
    thread::spawn(move || {
        while let Ok(event) = event::read() {
            let input = match event {
                Event::Key(key) if quits(key) => Input::Quit,
                Event::Resize(..) => Input::Resize,
                _ => continue,
            };
            if sender.send(input).is_err() {
                return;
            }
        }
    });
    receiver
}

fn quits(key: KeyEvent) -> bool {
    let is_control_c =
        key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    key.kind != KeyEventKind::Release
        && (matches!(key.code, KeyCode::Char('q') | KeyCode::Esc) || is_control_c)
}
