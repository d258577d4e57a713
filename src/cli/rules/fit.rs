//! `popgate rules fit`: fits the scores of rules to labelled mail, and writes them into the rule files.
//!
//! In: paths of ham and of spam, and a folder of rules; out: changed scores in its files, or none with
//! `--dry-run`, and a report: what moved and why, and how often the new scores would be wrong.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::exit::{Ended, Error, Exit};
use crate::cli::progress::Progress;
use crate::cli::shared_args::load;
use crate::cli::table::{Fit as Place, Table};
use crate::cli::terminal::{self, harmless, report_unreadable, width};
use crate::config::{Config, Flags};
use crate::filter::rule::Rule;
use crate::filter::{Filter, LearnedCurve, NamedText};
use crate::learn::build;
use crate::learn::delivered_templates;
use crate::learn::evaluation::{Evaluation, Judged};
use crate::learn::fit::kind_figures::{KindFigures, interval};
use crate::learn::fit::message_scores::MessageScore;
use crate::learn::fit::score_bounds::may_change;
use crate::learn::fit::{self, Fit, Fitted, Model, score_files};
use crate::learn::kind_weights::{KindWeight, unused, weight_of};
use crate::learn::training_templates::Made;
use crate::rule_folder::RuleTexts;

/// What a ham counts where no weight names its kind: a lost one costs more than a spam that is missed.
const HAM: f64 = 10.0;

/// Flags of `rules fit`.
#[derive(Debug, Args)]
pub struct FitArgs {
    /// Wanted mail: messages, folders (with all below), Maildirs, mbox files; each path is a kind of mail
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    ham: Vec<PathBuf>,
    /// Spam, likewise
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    spam: Vec<PathBuf>,
    /// Divide the mail by sender and campaign into K parts, each judged by what was fitted to the others
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = clap::value_parser!(u16).range(2..=50))]
    cross_validate: u16,
    /// Print what would change, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Let each message below PATH, which may be the end of a path above, count N [default: 10 for ham, 1 for spam]
    #[arg(long, num_args = 1.., value_name = "PATH=N")]
    weight: Vec<KindWeight>,
    /// Fit the scores in the folder's own files, too
    #[arg(long)]
    own: bool,
    /// Fit for a shipped model that is built of templates and of the mail below PATH, each message counting N in it
    #[arg(long, num_args = 1.., value_name = "PATH=N", requires = "templates")]
    teaches: Vec<KindWeight>,
    /// Folder of ham.toml and spam.toml, as for `model build`
    #[arg(long, value_name = "DIR", requires = "teaches")]
    templates: Option<PathBuf>,
    /// Fit to two messages of each template, too, as kinds DIR/ham and DIR/spam, judged by a model without that template
    #[arg(long, requires = "templates")]
    fit_templates: bool,
    /// Write each message's score by what was fitted without its sender and campaign, as a line of JSON
    #[arg(long, value_name = "FILE")]
    messages: Option<PathBuf>,
    /// Take threshold and rules from this configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write scores into the rules in this folder: those of stock rules into its fitted.toml
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// Judge N messages at a time [default: one per processor]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

/// Fits.
pub(in crate::cli) fn run(args: &FitArgs) -> Ended {
    let flags = Flags {
        rules: args.rules.clone(),
        ..Flags::default()
    };
    let config = load(args.config.as_deref(), &flags)?;
    let folder = config.filter.rules.as_deref();
    if folder.is_none() && !args.dry_run {
        return Err(Error::Usage(
            "names no folder of rules to write scores into: add --rules DIR, or --dry-run"
                .to_owned(),
        ));
    }
    let kinds = kinds(args);
    let paths = &kinds[..paths(args)];
    for (flag, weights, kinds, named) in [
        ("weight", &args.weight, &*kinds, "kind of mail"),
        ("teaches", &args.teaches, paths, "path of --ham or --spam"),
    ] {
        if let Some(unused) = unused(weights, kinds) {
            return Err(Error::Usage(format!(
                "--{flag} {unused}: no {named} is so, or ends so"
            )));
        }
    }
    let texts = RuleTexts::read(folder)?;
    let files = texts.rule_files().to_vec();
    let rules = texts.into_rules()?;
    let filter = Filter::new(rules.clone(), config.filter.thresholds)?;
    let filter = filter
        .marking_subjects(&config.filter.subject_mark)
        .reporting_parts()
        .decoding_for_classifier();
    let own = score_files::own_rules(folder, &files).map_err(Error::failed)?;
    let fittable = |rule: &&Rule| may_change(rule) && (args.own || !own.contains(&*rule.id));
    let task = Fit {
        rules: rules.iter().filter(fittable).collect(),
        curves: rules.learned_curves(),
        tag_at: config.filter.thresholds.tag_at,
        folds: usize::from(args.cross_validate),
        weights: weights(args, &kinds),
        model: model(args, &kinds)?,
        kinds,
    };
    let mut judged = judged(args, &filter, &config)?;
    judged.extend(judged_templates(args, &filter, &config)?);
    let fitted = fit::fit(&task, &judged).map_err(Error::failed)?;
    if let Some(file) = &args.messages {
        write_messages(file, &fitted.by_message)?;
    }
    let report = report(&fitted);
    terminal::stdout(false).write_all(report.as_bytes())?;
    let Some(folder) = folder else {
        return Ok(Exit::Fine);
    };
    write(args, folder, &files, &fitted)
}

/// The names of the kinds of mail: the paths, and those of what templates make.
fn kinds(args: &FitArgs) -> Vec<String> {
    let paths = args.ham.iter().chain(&args.spam);
    let mut kinds: Vec<String> = paths.map(|path| path.display().to_string()).collect();
    if let Some(templates) = args.templates.as_ref().filter(|_| args.fit_templates) {
        kinds.extend(["ham", "spam"].map(|name| templates.join(name).display().to_string()));
    }
    kinds
}

/// How many kinds are paths: the first ones.
fn paths(args: &FitArgs) -> usize {
    args.ham.len() + args.spam.len()
}

fn weights(args: &FitArgs, kinds: &[String]) -> Vec<f64> {
    let of_templates = paths(args);
    let each = kinds.iter().enumerate().map(|(number, kind)| {
        let is_ham = number < args.ham.len() || number == of_templates;
        let usual = if is_ham { HAM } else { 1.0 };
        weight_of(kind, &args.weight).unwrap_or(usual)
    });
    each.collect()
}

/// The shipped model to fit for.
fn model(args: &FitArgs, kinds: &[String]) -> Result<Model, Error> {
    let Some(templates) = &args.templates else {
        return Ok(Model::BuiltIn);
    };
    let made = build::made_mail(templates);
    // What templates make teaches by itself.
    let (of_paths, of_templates) = kinds.split_at(paths(args));
    let weights = of_paths.iter().map(|kind| weight_of(kind, &args.teaches));
    Ok(Model::Built {
        weights: weights.chain(of_templates.iter().map(|_| None)).collect(),
        made: made.map_err(|error| Error::failed(harmless(&error.to_string())))?,
    })
}

fn evaluation<'e>(args: &FitArgs, filter: &'e Filter, config: &Config) -> Evaluation<'e> {
    Evaluation {
        filter,
        owner: None,
        limit: config.filter.hold_bytes,
        studies: true,
        jobs: args.jobs,
    }
}

/// Judges the mail; a fit to a part of it would not be what was asked for.
fn judged(args: &FitArgs, filter: &Filter, config: &Config) -> Result<Vec<Judged>, Error> {
    let evaluation = evaluation(args, filter, config);
    let bar = Progress::new();
    let progress = &mut |share| bar.set(share, String::new);
    let (judged, unread) = evaluation.run(&args.ham, &args.spam, progress);
    drop(bar);
    unread.iter().for_each(report_unreadable);
    match unread.iter().filter(|it| !it.is_skipped()).count() {
        0 => Ok(judged),
        count => Err(Error::failed(format!(
            "{count} could not be read: nothing is fitted"
        ))),
    }
}

/// What the templates make, judged as mail that was delivered; nothing without `--fit-templates`.
fn judged_templates(
    args: &FitArgs,
    filter: &Filter,
    config: &Config,
) -> Result<Vec<Judged>, Error> {
    let Some(templates) = args.templates.as_ref().filter(|_| args.fit_templates) else {
        return Ok(Vec::new());
    };
    let made = delivered_templates::delivered(templates);
    let made = made.map_err(|error| Error::failed(harmless(&error.to_string())))?;
    let first = paths(args);
    let of_kind = |made: &Made| first + usize::from(made.is_spam);
    Ok(evaluation(args, filter, config).run_made(&made, of_kind))
}

fn write_messages(file: &Path, messages: &[MessageScore]) -> Result<(), Error> {
    let lines = messages.iter().map(serde_json::to_string);
    let lines: Result<Vec<String>, _> = lines.collect();
    let lines = lines.map_err(|error| Error::failed(error.to_string()))?;
    let failed = |error| {
        Error::failed(format!(
            "{}: {error}",
            harmless(&file.display().to_string())
        ))
    };
    std::fs::write(file, lines.join("\n") + "\n").map_err(failed)
}

fn write(args: &FitArgs, folder: &Path, files: &[NamedText], fitted: &Fitted) -> Ended {
    let changed = score_files::changed(folder, files, &fitted.scores, &fitted.curves);
    let changed = changed.map_err(Error::failed)?;
    if !args.dry_run {
        score_files::write(&changed).map_err(Error::failed)?;
    }
    let done = if args.dry_run { "would write" } else { "wrote" };
    for (file, _) in &changed {
        println!("{done} {}", harmless(file));
    }
    if changed.is_empty() {
        println!("nothing changes");
    }
    Ok(Exit::Fine)
}

fn report(fitted: &Fitted) -> String {
    let [ham, spam] = fitted.messages;
    let mut text = format!(
        "{} scores fitted to {ham} ham and {spam} spam of {} senders and campaigns\n\n",
        fitted.scores.len(),
        fitted.campaigns
    );
    text.push_str(&moved(fitted).render(width()));
    for (name, curve) in [
        ("untrained", &fitted.curves.untrained),
        ("taught", &fitted.curves.taught),
    ] {
        let points = points(curve);
        text.push_str(&format!(
            "\nthe learned filter, {name}, adds by log odds:{points}"
        ));
    }
    text.push_str("\n\n");
    text.push_str(
        "called spam, by the scores before, and by those fitted without the senders and campaigns judged:\n\n",
    );
    text.push_str(&figures(&fitted.figures).render(width()));
    text
}

fn points(curve: &LearnedCurve) -> String {
    let knots = curve.knots().iter();
    knots
        .map(|(odds, points)| format!(" {odds}: {points:.1}"))
        .collect::<Vec<_>>()
        .join(",")
}

/// Scores that moved, those that moved furthest first.
fn moved(fitted: &Fitted) -> Table {
    let mut table = Table::new([
        ("before", Place::Right),
        ("after", Place::Right),
        ("ham hit", Place::Right),
        ("spam hit", Place::Right),
        ("rule", Place::Wrapped),
    ]);
    let mut moved: Vec<_> = fitted
        .scores
        .iter()
        .filter(|score| score.before != score.after)
        .collect();
    let distance = |score: &fit::FittedScore| (score.after - score.before).abs();
    moved.sort_by(|one, other| distance(other).total_cmp(&distance(one)));
    for score in moved {
        let bound = match score.bound {
            Some(0.0) => " (proves nothing beside the others)".to_owned(),
            Some(bound) => format!(" (bound {bound:.1})"),
            None => String::new(),
        };
        table.row([
            format!("{:.1}", score.before).into(),
            format!("{:.1}", score.after).into(),
            score.hits[0].to_string().into(),
            score.hits[1].to_string().into(),
            format!("{}{bound}", score.id).into(),
        ]);
    }
    table
}

fn figures(figures: &[KindFigures]) -> Table {
    let mut table = Table::new([
        ("messages", Place::Right),
        ("untrained %", Place::Right),
        ("after", Place::Left),
        ("taught %", Place::Right),
        ("after", Place::Left),
        ("kind", Place::Wrapped),
    ]);
    for kind in figures {
        let percent = |called: usize| 100.0 * called as f64 / kind.messages as f64;
        let after = |called: usize| {
            let (low, high) = interval(called, kind.messages);
            format!("{:.2} ({low:.1} to {high:.1})", percent(called))
        };
        let name = if kind.is_spam { "spam" } else { "ham" };
        table.row([
            kind.messages.to_string().into(),
            format!("{:.2}", percent(kind.before[0])).into(),
            after(kind.after[0]).into(),
            format!("{:.2}", percent(kind.before[1])).into(),
            after(kind.after[1]).into(),
            format!("{name} {}", harmless(&kind.kind)).into(),
        ]);
    }
    table
}
