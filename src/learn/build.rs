//! Building the model that popgate ships with.
//!
//! In: labelled mail, and templates of mail; out: a model. The same input makes
//! the same model.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use super::campaigns;
use super::corpus::CorpusError;
use super::evaluation::{Evaluation, Judged};
use super::kind_weights::{KindWeight, weight_of};
use super::model_training::{self, ModelSample};
use super::training_templates::{self, TemplateError};
use crate::filter::classifier::Features;
use crate::filter::classifier::shipped::Shipped;
use crate::filter::{Filter, RuleSet, Thresholds};

/// Why no model is made.
#[derive(Debug)]
#[non_exhaustive]
pub enum ModelError {
    /// Files or folders that cannot be read: at least one.
    Unreadable(Vec<CorpusError>),
    /// Templates that cannot be used.
    Templates(TemplateError),
    /// The filter that shows what the model sees cannot be made.
    Filter,
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(errors) => {
                for error in errors {
                    writeln!(f, "{error}")?;
                }
                f.write_str("not all of it can be read: no model is made")
            }
            Self::Templates(error) => write!(f, "{error}"),
            Self::Filter => f.write_str("no filter"),
        }
    }
}

impl Error for ModelError {}

impl From<TemplateError> for ModelError {
    fn from(error: TemplateError) -> Self {
        Self::Templates(error)
    }
}

/// As much of a message as is judged by default.
const LIMIT: usize = 512 << 10;

/// Makes the model.
///
/// # Errors
/// What cannot be read, or taught.
pub fn build(
    ham: &[PathBuf],
    spam: &[PathBuf],
    templates: &Path,
    weights: &[KindWeight],
) -> Result<Shipped, ModelError> {
    let filter = looking()?;
    let evaluation = Evaluation {
        filter: &filter,
        owner: None,
        limit: LIMIT,
        studies: true,
        jobs: None,
    };
    let (judged, mut unread) = evaluation.run(ham, spam, &mut |_| ());
    unread.retain(|error| !error.is_skipped());
    if !unread.is_empty() {
        return Err(ModelError::Unreadable(unread));
    }
    let made = made_mail(templates)?;
    let campaigns = campaigns::groups(&judged);
    let paths: Vec<String> = ham
        .iter()
        .chain(spam)
        .map(|path| path.display().to_string())
        .collect();
    let weight = |message: &Judged| weight_of(&paths[message.group], weights).unwrap_or(1.0);
    let all = judged.iter().enumerate();
    let all: Vec<(usize, f64)> = all
        .map(|(number, message)| (number, weight(message)))
        .collect();
    Ok(train(&judged, &all, &campaigns, made.iter()))
}

/// A filter without rules: they tell the model nothing.
fn looking() -> Result<Filter, ModelError> {
    let thresholds = Thresholds {
        tag_at: 5.0,
        drop_at: None,
    };
    let filter = Filter::new(RuleSet::default(), thresholds).map_err(|_| ModelError::Filter)?;
    Ok(filter.decoding_for_classifier())
}

/// A message made of a template.
#[derive(Debug, Clone)]
pub struct Made {
    features: Features,
    is_spam: bool,
    /// The number of its template.
    pub template: usize,
    weight: f64,
}

/// The messages that a folder's templates make.
///
/// # Errors
/// If a template cannot be used.
pub fn made_mail(templates: &Path) -> Result<Vec<Made>, ModelError> {
    let filter = looking()?;
    let made = training_templates::messages(templates)?;
    let made = made.into_iter().map(|message| Made {
        features: filter.judge_with_features(message.text.as_bytes()).1,
        is_spam: message.is_spam,
        template: message.template,
        weight: message.weight,
    });
    Ok(made.collect())
}

/// Trains a model with some of the messages, by their numbers and with what each counts, and with those that templates
/// made.
pub(super) fn train<'m>(
    judged: &[Judged],
    numbers: &[(usize, f64)],
    campaigns: &[usize],
    made: impl Iterator<Item = &'m Made>,
) -> Shipped {
    let mut sizes: HashMap<usize, usize> = HashMap::new();
    for (number, _) in numbers {
        *sizes.entry(campaigns[*number]).or_default() += 1;
    }
    let mail = numbers.iter().map(|(number, weight)| {
        let campaign = campaigns[*number];
        ModelSample {
            features: &judged[*number].features,
            is_spam: judged[*number].spam,
            weight: weight / (sizes[&campaign] as f64).sqrt(),
            campaign,
        }
    });
    let made = made.map(|made| ModelSample {
        features: &made.features,
        is_spam: made.is_spam,
        weight: made.weight,
        campaign: judged.len() + made.template,
    });
    let samples: Vec<ModelSample<'_>> = mail.chain(made).collect();
    model_training::train(&samples)
}
