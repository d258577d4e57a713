//! Training the model that popgate ships with.
//!
//! In: messages with labels, weights, and the campaign that each belongs to; out: a model. Text and words are learned
//! together, links by themselves, so that a link that was never seen does not change what the text says. Each is a
//! logistic regression with a prior at zero: what is in few messages moves little. The same input gives the same
//! model.

use crate::filter::classifier::counts::Counts;
use crate::filter::classifier::model::WEIGHTS;
use crate::filter::classifier::shipped::{LINK_SHARE, Shipped};
use crate::filter::classifier::{FeatureGroup, Features};

use super::regression::{self, Column, Example, Prior};

/// A message to learn.
#[derive(Debug, Clone, Copy)]
pub struct ModelSample<'s> {
    /// Its features.
    pub features: &'s Features,
    /// Whether it is spam.
    pub is_spam: bool,
    /// What it counts.
    pub weight: f64,
    /// Which it belongs to: messages of one sender, or of one text.
    pub campaign: usize,
}

/// A feature of fewer campaigns is typical of them and not of mail.
const CAMPAIGNS: u32 = 3;

/// How firmly weights are expected at zero: of text and words, and of links.
const PRECISION: [f64; 2] = [0.3, 0.5];

/// How firmly the log odds of a message without any known feature are expected at zero: that mail is unlike what was
/// learned is no sign of spam.
const ALWAYS_PRECISION: f64 = 100.0;

/// Enough for the loss not to change any more.
const ROUNDS: usize = 25;

/// Trains a model.
pub fn train(samples: &[ModelSample<'_>]) -> Shipped {
    let mut samples = samples.to_vec();
    samples.sort_by_key(|sample| sample.campaign);
    let mut counts = Counts::default();
    for sample in &samples {
        match sample.is_spam {
            true => counts.spam += 1,
            false => counts.ham += 1,
        }
    }
    let mut weights = vec![0.0; WEIGHTS];
    let text = [FeatureGroup::Text, FeatureGroup::Words];
    let bias = learn(&samples, &text, PRECISION[0], 1.0, &mut weights);
    learn(
        &samples,
        &[FeatureGroup::Links],
        PRECISION[1],
        LINK_SHARE,
        &mut weights,
    );
    Shipped::new(&weights, bias, counts)
}

/// Learns some groups, and adds a share of each weight; returns the log odds of a message without any feature.
fn learn(
    samples: &[ModelSample<'_>],
    groups: &[FeatureGroup],
    precision: f64,
    share: f64,
    weights: &mut [f32],
) -> f32 {
    let examples: Vec<Example> = samples
        .iter()
        .map(|sample| Example {
            is_spam: sample.is_spam,
            weight: sample.weight,
            offset: 0.0,
        })
        .collect();
    let (mut columns, indexes) = columns(samples, groups);
    let free = |precision| Prior {
        mean: 0.0,
        precision,
        min: f64::NEG_INFINITY,
        max: f64::INFINITY,
    };
    let mut priors = vec![free(precision); columns.len()];
    let mut always = Column::default();
    (0..samples.len()).for_each(|row| always.add(row, 1.0));
    columns.push(always);
    priors.push(free(ALWAYS_PRECISION));
    let found = regression::solve(&examples, &columns, &priors, ROUNDS);
    for (index, weight) in indexes.iter().zip(&found) {
        weights[*index as usize] += (share * weight) as f32;
    }
    found.last().map_or(0.0, |bias| *bias as f32)
}

/// A column for each feature of enough campaigns, and its index. The samples are sorted by campaign.
fn columns(samples: &[ModelSample<'_>], groups: &[FeatureGroup]) -> (Vec<Column>, Vec<u32>) {
    let mut campaigns = vec![0_u32; WEIGHTS];
    let mut last = vec![usize::MAX; WEIGHTS];
    let features = |sample: &ModelSample<'_>, visit: &mut dyn FnMut(u32, f64)| {
        for group in groups {
            let features = sample.features.group(*group);
            let value = 1.0 / (features.len().max(1) as f64).sqrt();
            features.iter().for_each(|index| visit(*index, value));
        }
    };
    for sample in samples {
        features(sample, &mut |index, _| {
            let index = index as usize;
            if last[index] != sample.campaign {
                last[index] = sample.campaign;
                campaigns[index] += 1;
            }
        });
    }
    let enough = campaigns.iter().enumerate();
    let indexes: Vec<u32> = enough
        .filter(|(_, campaigns)| **campaigns >= CAMPAIGNS)
        .map(|(index, _)| index as u32)
        .collect();
    let mut numbers = vec![u32::MAX; WEIGHTS];
    for (number, index) in indexes.iter().enumerate() {
        numbers[*index as usize] = number as u32;
    }
    let mut columns = vec![Column::default(); indexes.len()];
    for (row, sample) in samples.iter().enumerate() {
        features(sample, &mut |index, value| {
            let number = numbers[index as usize];
            if number != u32::MAX {
                columns[number as usize].add(row, value);
            }
        });
    }
    (columns, indexes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message with features in these groups.
    fn message(text: &[u32], links: &[u32]) -> Features {
        let mut groups: [Vec<u32>; 9] = Default::default();
        groups[FeatureGroup::Text as usize] = text.to_vec();
        groups[FeatureGroup::Links as usize] = links.to_vec();
        Features::from_groups(&groups)
    }

    #[test]
    fn what_several_campaigns_share_is_learned_and_one_campaigns_mark_is_not() {
        let mail: Vec<(Features, bool, usize)> = (0..60)
            .map(|number| {
                let is_spam = number % 2 == 0;
                let kind = 100 + u32::from(is_spam);
                // The last campaigns' mark.
                let own = if number >= 40 {
                    300
                } else {
                    400 + number as u32
                };
                let campaign = if number >= 40 {
                    40 + number % 2
                } else {
                    number
                };
                (
                    message(&[kind, own], &[200 + u32::from(is_spam)]),
                    is_spam,
                    campaign,
                )
            })
            .collect();
        let samples: Vec<ModelSample<'_>> = mail
            .iter()
            .map(|(features, is_spam, campaign)| ModelSample {
                features,
                is_spam: *is_spam,
                weight: 1.0,
                campaign: *campaign,
            })
            .collect();
        let model = train(&samples);
        assert_eq!(model, train(&samples));
        assert_eq!(model.counts, Counts { ham: 30, spam: 30 });
        assert!(model.weight(101) > 0.0 && model.weight(100) < 0.0);
        assert!(model.weight(201) > 0.0 && model.weight(200) < 0.0);
        assert_eq!((model.weight(300), model.weight(402)), (0.0, 0.0));
        let evidence = |text: &[u32], links: &[u32]| model.evidence(&message(text, links));
        assert!(evidence(&[101], &[]) > 1.0 && evidence(&[100], &[200]) < -1.0);
        assert!(evidence(&[7, 8, 9], &[]).abs() < 0.5);
    }
}
