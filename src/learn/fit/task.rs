//! What is to be fitted, and to what.

use crate::filter::LearnedCurves;
use crate::filter::rule::Rule;
use crate::learn::build::Made;

/// What a fit needs beside the messages.
#[derive(Debug)]
pub struct Fit<'f> {
    /// The rules whose scores may change.
    pub rules: Vec<&'f Rule>,
    /// What the learned filter's opinion adds now.
    pub curves: &'f LearnedCurves,
    /// The threshold that parts ham from spam.
    pub tag_at: f64,
    /// In how many parts the messages are divided by sender and campaign.
    pub folds: usize,
    /// The name of each kind of mail; [`Judged::group`] is its number.
    pub kinds: Vec<String>,
    /// What a message of each kind counts.
    pub weights: Vec<f64>,
    /// How the shipped model comes about.
    pub model: Model,
}

/// The shipped model that the scores are fitted for.
#[derive(Debug)]
pub enum Model {
    /// The one that is compiled in, which has not seen the messages.
    BuiltIn,
    /// One that is built of some kinds, and of what templates made: for each part of the messages without that part.
    Built {
        /// What a message of each kind counts in it, if it teaches.
        weights: Vec<Option<f64>>,
        /// What templates made.
        made: Vec<Made>,
    },
}
