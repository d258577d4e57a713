//! The filter: runs a message through compiled rules and the learned filter.
//!
//! In: a message, whole or truncated, or its header first and the rest later; out: a
//! [`Verdict`]. It never fails: what cannot be decoded is judged raw.

mod early;
mod external;
mod learned;
mod listed;
mod note;

use std::sync::Arc;
use std::time::Duration;

use crate::filter::brands::Brands;
use crate::filter::classifier::{LearnedState, SUBJECT_MARK, WeightsOwner};
use crate::filter::compiled_rules::CompiledRules;
use crate::filter::context::{Context, Notes};
use crate::filter::facts::{Facts, counted};
use crate::filter::findings::OwnChecks;
use crate::filter::fnv::fnv;
use crate::filter::header_rules::HeaderRules;
use crate::filter::learned_curve::LearnedCurves;
use crate::filter::lists::Lists;
use crate::filter::message_view::{self, MessageView};
use crate::filter::rule_changes::ChangedRule;
use crate::filter::rule_hits::{Candidates, hits, report};
use crate::filter::rule_matches::RuleMatches;
use crate::filter::rules::RuleSet;
use crate::filter::stopwatch::{Clock, Stopwatch};
use crate::filter::thresholds::Thresholds;
use crate::filter::verdict::Verdict;
use crate::message::{Content, Headers, Partial, Stage, Work};
use crate::schema::Problem;

pub use external::{NotAsked, Subject};
pub use listed::{ALLOWED, ALLOWED_IF_PROVEN, BLOCKED};

/// The name of the learned filter's points among the rules that hit.
pub const LEARNT: &str = "LEARNT";

/// The name of a person's correction among the rules that hit.
pub const CORRECTED: &str = "CORRECTED";

/// Rules and thresholds, ready to judge; shared by all sessions.
#[derive(Debug)]
pub struct Filter {
    rules: CompiledRules,
    candidates: Candidates,
    header_rules: HeaderRules,
    lists: Lists,
    brands: Arc<Brands>,
    thresholds: Thresholds,
    changed: Vec<ChangedRule>,
    version: String,
    reports_parts: bool,
    explains_ham: bool,
    subject_mark: String,
    learned: Option<Arc<LearnedState>>,
    learned_curves: Arc<LearnedCurves>,
    authserv_ids: Option<Arc<[String]>>,
    most_external: f64,
    /// Which checks of senders popgate makes itself.
    own_checks: OwnChecks,
    /// Changes with whom a verdict asks; 0 = nobody.
    asked: u64,
    clock: Option<Clock>,
}

/// The state after judging a header. It is valid for the filter that made it.
#[derive(Debug, Clone)]
pub struct HeaderStage {
    version: String,
    matches: RuleMatches,
    decode_time: Duration,
    rules_time: Duration,
    work: u64,
    partial: Option<Partial>,
}

/// The budget of work for a message: three times what any known ordinary one costs, and what each rule may add.
const MESSAGE_WORK: u64 = 60_000_000;
const RULE_WORK: u64 = 10_000;

/// Units of work for the learned filter, which looks at a bounded part of a message.
const LEARNED_WORK: u64 = 60_000;

impl HeaderStage {
    /// The work that it took.
    pub fn work(&self) -> u64 {
        self.work
    }
}

impl Filter {
    /// Compiles the rules, except those that have expired by the set's day ([`RuleSet::on`]).
    pub fn new(mut set: RuleSet, thresholds: Thresholds) -> Result<Self, Vec<Problem>> {
        let mut version = fnv(set.digest(), &thresholds.tag_at.to_bits().to_be_bytes());
        let drop_at = thresholds.drop_at.map_or(u64::MAX, f64::to_bits);
        version = fnv(version, &drop_at.to_be_bytes());
        let rules = set.take_unexpired();
        let compiled = CompiledRules::new(&rules, set.lists())?;
        Ok(Self {
            header_rules: HeaderRules::of(&rules, &compiled),
            candidates: Candidates::of(&compiled),
            rules: compiled,
            lists: set.lists().clone(),
            brands: Arc::clone(set.brands()),
            thresholds,
            changed: set.changed().to_vec(),
            version: format!("{:012x}", version >> 16),
            reports_parts: false,
            explains_ham: false,
            subject_mark: SUBJECT_MARK.to_owned(),
            learned: None,
            learned_curves: Arc::clone(set.learned_curves()),
            authserv_ids: None,
            most_external: 0.0,
            own_checks: OwnChecks::default(),
            asked: 0,
            clock: None,
        })
    }

    /// Makes verdicts also list the parts that hit: rules with score 0.
    #[must_use]
    pub fn reporting_parts(self) -> Self {
        Self {
            reports_parts: true,
            ..self
        }
    }

    /// Believes what the servers with these names, or in these domains, found about senders, and no other; with `None`
    /// what the topmost field says.
    #[must_use]
    pub fn trusting_results_of(self, authserv_ids: Option<Arc<[String]>>) -> Self {
        let mut version = self.version;
        for id in authserv_ids.iter().flat_map(|ids| ids.iter()) {
            version = format!(
                "{:012x}",
                fnv(fnv(0, version.as_bytes()), id.as_bytes()) >> 16
            );
        }
        if authserv_ids.as_ref().is_some_and(|ids| ids.is_empty()) {
            version = format!("{:012x}", fnv(0, version.as_bytes()) >> 16);
        }
        Self {
            authserv_ids,
            version,
            ..self
        }
    }

    /// Makes verdicts say how long each stage took by this clock.
    #[must_use]
    pub fn timed_by(self, clock: Clock) -> Self {
        Self {
            clock: Some(clock),
            ..self
        }
    }

    /// Compiles every regex that is otherwise compiled when a text first needs it.
    pub fn compile(&self) {
        for scanner in self.rules.header.iter().chain(&self.rules.body) {
            scanner.compile();
        }
    }

    /// Number of rules.
    pub fn rule_count(&self) -> usize {
        self.rules.rules.len()
    }

    /// Whether there are neither rules nor a learned filter.
    pub fn is_idle(&self) -> bool {
        self.rules.rules.is_empty() && self.learned.is_none()
    }

    /// Whether a message is judged without a look at it: there are no lists either.
    pub fn is_idle_in(&self, context: &Context) -> bool {
        self.is_idle() && context.lists().is_none() && context.findings.is_none()
    }

    /// The rules with a score, each with its score.
    pub fn scores(&self) -> impl Iterator<Item = (&Arc<str>, f64)> {
        let rules = self.rules.rules.iter().map(|rule| (&rule.id, rule.score));
        rules.filter(|(_, score)| *score != 0.0)
    }

    /// The rules with a score: id, description, score.
    pub fn described_rules(&self) -> impl Iterator<Item = (&str, &str, f64)> {
        let rules = self.rules.rules.iter();
        let rules = rules.map(|rule| (&*rule.id, &*rule.description, rule.score));
        rules.filter(|(_, _, score)| *score != 0.0)
    }

    /// The rules that a person has changed in the console.
    pub fn changed_rules(&self) -> &[ChangedRule] {
        &self.changed
    }

    /// What a hit of a rule means: its description, and its clause, if it has one.
    pub fn meaning(&self, rule: &str) -> Option<(&str, Option<&str>)> {
        let mut rules = self.rules.rules.iter();
        let found = rules.find(|it| *it.id == *rule)?;
        Some((&found.description, found.because.as_deref()))
    }

    /// What the learned filter knows, if there is one.
    pub fn learned(&self) -> Option<&LearnedState> {
        self.learned.as_deref()
    }

    /// What counts of what servers on its way said about a message's sender (RFC 8601), in lower case, without comments.
    pub fn counted_checks(&self, raw: &[u8]) -> Option<String> {
        let (headers, content, context) =
            (Headers::of(raw), Content::default(), Context::default());
        let (lists, brands, work) = (&self.lists, &self.brands, Work::new(self.budget()));
        let mail = MessageView::new(raw, &headers, &content, lists, brands, &context, &work)
            .trusting_results_of(self.authserv_ids.as_deref())
            .making(self.own_checks);
        counted(&mail)
    }

    /// What the learned filter's opinion adds.
    pub fn learned_curves(&self) -> &LearnedCurves {
        &self.learned_curves
    }

    /// The active thresholds.
    pub fn thresholds(&self) -> Thresholds {
        self.thresholds
    }

    /// Twelve hexadecimal digits that change with the text of the rules and the thresholds.
    pub fn rules_version(&self) -> &str {
        &self.version
    }

    /// Judges a message, or its beginning, for no mailbox in particular.
    pub fn judge(&self, raw: &[u8]) -> Verdict {
        self.judge_for(None, raw)
    }

    /// Judges a message for a mailbox.
    pub fn judge_for(&self, owner: Option<&WeightsOwner>, raw: &[u8]) -> Verdict {
        self.judge_in(&Context::of(owner), raw)
    }

    /// Judges a message with what is known of the mailbox.
    pub fn judge_in(&self, context: &Context, raw: &[u8]) -> Verdict {
        self.judge_within(context, None, raw, &Work::new(self.budget()))
    }

    /// Judges the header; `header` may continue after the blank line.
    pub fn judge_header(&self, header: &[u8]) -> HeaderStage {
        self.judge_fields(&Headers::of(header), &Work::new(self.budget()))
    }

    /// Judges the header within a budget.
    pub fn judge_header_within(&self, header: &[u8], work: &Work<'_>) -> HeaderStage {
        self.judge_fields(&Headers::of(header), work)
    }

    /// Judges the rest of a message whose header was judged; the result equals [`Filter::judge_for`].
    pub fn judge_after(
        &self,
        owner: Option<&WeightsOwner>,
        stage: HeaderStage,
        raw: &[u8],
    ) -> Verdict {
        let context = Context::of(owner);
        self.judge_within(&context, Some(stage), raw, &Work::new(self.budget()))
    }

    /// The budget of work for a message.
    pub fn budget(&self) -> u64 {
        MESSAGE_WORK + RULE_WORK * self.rules.rules.len() as u64
    }

    /// Judges a message, or the rest of one whose header was judged, within a budget.
    pub fn judge_within(
        &self,
        context: &Context,
        stage: Option<HeaderStage>,
        raw: &[u8],
        work: &Work<'_>,
    ) -> Verdict {
        if self.is_idle_in(context) {
            return self.nothing_found(context, raw.len());
        }
        let mut stopwatch = Stopwatch::start(self.clock);
        let headers = Headers::of(raw);
        let found = stopwatch.lap();
        // The rules may have been reloaded since; then the indexes mean other rules.
        let stage = match stage.filter(|stage| stage.version == self.version) {
            Some(stage) => {
                work.resume(stage.work, stage.partial);
                stage
            }
            None => {
                let mut stage = self.judge_fields(&headers, work);
                stage.decode_time += found;
                stage
            }
        };
        self.judge_body(context, stage, raw, &headers, work, |_, _| ())
    }

    fn judge_fields(&self, headers: &Headers<'_>, work: &Work<'_>) -> HeaderStage {
        let mut stage = HeaderStage {
            version: self.version.clone(),
            matches: self.rules.matches(),
            decode_time: Duration::ZERO,
            rules_time: Duration::ZERO,
            work: 0,
            partial: None,
        };
        let mut stopwatch = Stopwatch::start(self.clock);
        work.begin(Stage::Header);
        let mut texts = Vec::new();
        for scanner in &self.rules.header {
            texts.clear();
            message_view::header_texts(&scanner.place, headers, work, &mut texts);
            if texts.is_empty() {
                continue;
            }
            stage.decode_time += stopwatch.lap();
            scanner.scan(texts.iter().map(|text| &**text), &mut stage.matches, work);
            stage.rules_time += stopwatch.lap();
        }
        stage.work = work.spent();
        stage.partial = work.partial();
        stage
    }

    /// `look` gets what the rules found before the learned filter is asked.
    fn judge_body(
        &self,
        context: &Context,
        stage: HeaderStage,
        raw: &[u8],
        headers: &Headers<'_>,
        work: &Work<'_>,
        look: impl FnOnce(&MessageView<'_>, &Verdict),
    ) -> Verdict {
        let header_stage = self.may_pass_by_header(context).then(|| stage.clone());
        let HeaderStage {
            mut matches,
            mut decode_time,
            rules_time: mut header_time,
            ..
        } = stage;
        let mut stopwatch = Stopwatch::start(self.clock);
        work.begin(Stage::Text);
        let content = if self.rules.wanted.anything() {
            Content::of(raw, self.rules.wanted, work)
        } else {
            Content::default()
        };
        decode_time += stopwatch.lap();
        let (lists, brands) = (&self.lists, &self.brands);
        let mail = MessageView::new(raw, headers, &content, lists, brands, context, work)
            .trusting_results_of(self.authserv_ids.as_deref())
            .making(self.own_checks);
        self.search(&mail, &mut matches);
        work.begin(Stage::Facts);
        let facts = Facts::new(&self.rules.facts, &mail);
        let hits = hits(
            (&self.rules, &self.candidates),
            &mut matches,
            &facts,
            self.reports_parts,
        );
        header_time += stopwatch.lap();
        let mut verdict = Verdict {
            hits: report(&self.rules, &matches, &hits),
            decode_time,
            rules_time: header_time,
            ..self.nothing_found(context, raw.len())
        };
        verdict.add_up();
        look(&mail, &verdict);
        let mut features = None;
        work.begin(Stage::Learned);
        // Before the weights: if it is taken back in between, the verdict still tells that it follows a correction.
        let correction = self.correction_of(context.owner.as_ref(), &mail);
        if let Some(learned) = &self.learned
            && work.spend(LEARNED_WORK)
        {
            stopwatch.lap();
            features = self.ask_weights(learned, context, &mail, &mut verdict);
            verdict.classifier_time = stopwatch.lap();
        }
        let findings = context.findings.as_deref();
        if let Some(findings) = findings {
            Self::add_external(findings, &mut verdict);
            verdict.not_made = findings.not_made();
        }
        // A list outranks what the filter finds, and a correction outranks both.
        Self::apply_lists(context, &mail, &mut verdict);
        if let Some(findings) = findings {
            Self::apply_least(findings, &mut verdict);
        }
        Self::apply_correction(correction, &mut verdict);
        verdict.noted = match context.notes {
            Notes::None => None,
            Notes::WithoutFeatures => Some(self.note(context, &mail, None)),
            Notes::Full => Some(self.note(context, &mail, features)),
        };
        verdict.work = work.spent();
        verdict.partial = work.partial();
        verdict.left_out = work.left_out();
        // Of others it makes no difference.
        verdict.passes_by_header = verdict.partial.is_some()
            && header_stage.is_some_and(|it| self.passes_with(context, headers, Some(&it)));
        verdict
    }

    /// Runs the rules on what was found in the body. No place may use up the others' part of the budget.
    fn search(&self, mail: &MessageView<'_>, matches: &mut RuleMatches) {
        mail.work.begin(Stage::Rules);
        for scanner in &self.rules.body {
            if mail.work.is_in_vain() {
                return;
            }
            let texts = mail.texts(&scanner.place);
            scanner.scan(texts.iter().map(|text| &**text), matches, mail.work);
        }
        for (rule, places, range) in &self.rules.counts {
            let count: usize = places.iter().map(|place| mail.texts(place).len()).sum();
            if range.has(count as f64) {
                matches.add(*rule, &count.to_string());
            }
        }
    }

    fn nothing_found(&self, context: &Context, bytes_judged: usize) -> Verdict {
        let thresholds = context.thresholds(self.thresholds);
        Verdict {
            score: 0.0,
            thresholds,
            action: thresholds.action(0.0),
            hits: Vec::new(),
            bytes_judged,
            work: 0,
            partial: None,
            left_out: 0,
            not_made: None,
            passes_by_header: false,
            decode_time: Duration::ZERO,
            rules_time: Duration::ZERO,
            opinion: None,
            classifier_time: Duration::ZERO,
            noted: None,
        }
    }
}
