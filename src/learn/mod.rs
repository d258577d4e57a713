//! Learning and measuring: corpora, training, the shipped model, evaluation, fitting of scores.
//!
//! In: paths of labelled messages, and a filter; out: learned weights,
//! figures, errors. It prints nothing and reads no configuration.

pub mod build;
pub mod campaigns;
pub mod corpus;
pub mod cross_validation;
pub mod delivered_templates;
pub mod evaluation;
pub mod figures;
pub mod fit;
pub mod kind_weights;
pub mod mail_file;
pub mod model_training;
pub mod online;
pub mod parallel;
pub mod regression;
pub mod releasing;
pub mod roc;
pub mod rule_figures;
pub mod teaching;
pub mod trainer;
pub mod training;
pub mod training_templates;
