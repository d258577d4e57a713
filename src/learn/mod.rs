//! Reading corpora, training, the shipped model, and evaluation of the filter.

pub mod build;
pub mod corpus;
pub(crate) mod cross_validation;
pub mod online;
pub mod roc;
pub(crate) mod rule_figures;
pub mod trainer;
pub mod training_templates;
