//! Judging labelled mail.
//!
//! In: a filter and paths of ham and of spam; out: each message with its score, for
//! [`figures`](super::figures) and [`cross_validation`](super::cross_validation). It learns nothing.

use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use super::corpus::{self, CorpusError, Message};
use super::parallel::{Step, for_each_message};
use super::training_templates::Made;
use crate::filter::Filter;
use crate::filter::classifier::{Features, WeightsOwner, identity};

/// A message and its verdict.
#[derive(Debug, Clone)]
pub struct Judged {
    /// Its path.
    pub path: String,
    /// Which of the paths given it was found in, counted over ham and then spam.
    pub group: usize,
    /// Its label.
    pub spam: bool,
    /// Its score.
    pub score: f64,
    /// How long that took.
    pub micros: u64,
    /// How much of it was judged.
    pub bytes: usize,
    /// The rules that hit, and what each added.
    pub hits: Vec<(Arc<str>, f64)>,
    /// What the classifier says of it: log odds.
    pub log_odds: Option<f64>,
    /// Its features, if the classifier is to learn from it.
    pub features: Features,
    /// Who sent it, hashed.
    pub sender: u32,
    /// The registrable domain that it claims to be from, or the address if that is of a free mailbox.
    pub from: String,
    /// The number of the template that it was made of.
    pub template: Option<usize>,
}

/// How to evaluate.
#[derive(Debug)]
pub struct Evaluation<'e> {
    /// The filter.
    pub filter: &'e Filter,
    /// Whose mail it is.
    pub owner: Option<&'e WeightsOwner>,
    /// Of a message so many octets are judged.
    pub limit: usize,
    /// Whether the classifier will learn from the messages.
    pub studies: bool,
    /// Messages that are judged at a time; one a core without it.
    pub jobs: Option<NonZeroUsize>,
}

impl Evaluation<'_> {
    /// Judges everything, in the order of the paths; `progress` gets the share of files that is judged. Returns
    /// the messages, and files that cannot be read.
    pub fn run(
        &self,
        ham: &[PathBuf],
        spam: &[PathBuf],
        progress: &mut dyn FnMut(f64),
    ) -> (Vec<Judged>, Vec<CorpusError>) {
        let (mut files, mut groups) = (Vec::new(), Vec::new());
        let mut unreadable = Vec::new();
        for (group, path) in ham.iter().chain(spam).enumerate() {
            let (found, failed) = corpus::expand(std::slice::from_ref(path));
            groups.extend(found.iter().map(|_| group));
            files.extend(found);
            unreadable.extend(failed);
        }
        let mut judged = Vec::new();
        let mut done = 0_usize;
        let judge = |number: usize, message| {
            let group = groups[number];
            self.judge(group, group >= ham.len(), message)
        };
        let finished = for_each_message(&files, self.jobs, self.limit, judge, |step| {
            match step {
                Step::Judged(message) => judged.push(message),
                Step::FileEnd(read) => {
                    unreadable.extend(read.err());
                    done += 1;
                    progress(done as f64 / files.len() as f64);
                }
            }
            Ok::<(), Infallible>(())
        });
        match finished {
            Ok(()) => (judged, unreadable),
            Err(never) => match never {},
        }
    }

    /// Judges what templates made, one after the other; `group_of` says of which kind of mail each is.
    pub fn run_made(&self, made: &[Made], group_of: impl Fn(&Made) -> usize) -> Vec<Judged> {
        let each = made.iter().map(|made| {
            let message = Message {
                path: format!("template {}", made.template),
                raw: made.text.as_bytes().to_vec(),
                length: made.text.len() as u64,
                deleted: false,
            };
            let judged = self.judge(group_of(made), made.is_spam, message);
            Judged {
                template: Some(made.template),
                ..judged
            }
        });
        each.collect()
    }

    fn judge(&self, group: usize, spam: bool, message: Message) -> Judged {
        let original = self.filter.original(&message.raw);
        let (verdict, features) = match self.studies {
            true => self.filter.judge_with_features(&original),
            false => {
                let verdict = self.filter.judge_for(self.owner, &original);
                (verdict, Features::default())
            }
        };
        let hits = verdict.hits.iter();
        Judged {
            path: message.path,
            group,
            spam,
            score: verdict.score,
            micros: u64::try_from(verdict.time().as_micros()).unwrap_or(u64::MAX),
            bytes: verdict.bytes_judged,
            hits: hits.map(|hit| (hit.rule.clone(), hit.score)).collect(),
            log_odds: verdict.opinion.map(|opinion| opinion.log_odds),
            features,
            sender: identity::sender(&original),
            from: self.filter.claimed_sender(&original),
            template: None,
        }
    }
}
