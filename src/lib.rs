//! popgate: a POP3 proxy that filters spam.
//!
//! It stands between mail clients and the provider's POP3 server, relays the session, and rewrites
//! the answers to RETR and TOP. The rooms, in the order in which a mail meets them:
//!
//! | room | what happens there |
//! |---|---|
//! | [`cli`] | the command line: one file per verb |
//! | [`server`] | the running server: built from a configuration, run, reloaded, stopped |
//! | [`config`] | a TOML file and flags become resolved, bounded values; [`schema`] reads TOML against a declared shape |
//! | [`net`] | listeners, streams, one event loop per core, the PROXY protocol, the signal to stop |
//! | [`session`] | a connection's life: accept, relay, report; [`session::exchange`] is the POP3 exchange without I/O |
//! | [`upstream`] | routes to the provider's server, dialling with TLS verified, up to its greeting |
//! | [`pop3`] | the codec: lines, commands, replies, capabilities, dot-stuffing; [`mailbox_id`] names a mailbox |
//! | [`message`] | header fields as bytes; decoding into text, links and names |
//! | [`filter`] | rules and the learned filter: message in, verdict out; no I/O, no clock |
//! | [`learn`] | corpora, training, the shipped model, evaluation |
//! | [`rule_folder`] | rule files read from a folder |
//! | [`import`] | SpamAssassin's rules in, ours out |
//! | [`public_suffix`] | which domain a registrant owns |
//! | [`rewrite`] | from a verdict to insertions and removals, or a notice |
//! | [`store`] | what outlives a session: what is remembered of mailboxes, the quarantine, learned state, OAuth tokens |
//! | [`metrics`], [`admin`] | every metric family, and HTTP to read them; the console, pages for people |
//! | [`external`] | what name servers and scanners say of a message, within a budget of time |
//! | [`thread_pool`] | bounded threads for work that blocks or computes, one pool per kind of work |
//! | [`thread_priority`] | how urgent the work of a thread is |
//! | [`platform`] | what the operating systems do in different ways: one module per need |
//! | [`demo`] | a sample mailbox server, for demonstration and tests |
//!
//! # Decisions
//!
//! - The upstream's read buffer is the spool: a message that fits the hold limit goes from one
//!   socket to the other without being copied, and edits are insertions between its pieces.
//! - What is held, judged and sent is the message as it is on the wire, dot-stuffed. What no edit
//!   touches is therefore the upstream's bytes by construction.
//! - A session that is logged in lives on one thread: its two sockets, its timer and its buffers never change cores.
//!   Until the login it runs on threads of a lower priority, so that no session waits for a stranger.
//! - What lies beyond the hold limit is not looked at even if it has arrived: a verdict must not
//!   depend on how the network cut the message up.
//! - DELE and QUIT wait until the messages fetched before them are with the client, so that no
//!   failure in between can lose one.
//! - Octets that are sent to a client are either relayed or ours, by type; the count of edits follows
//!   from that.
//!
//! # The longest ways through the code
//!
//! ## From socket to wire: RETR
//!
//! 1. `server/accept.rs`, `Acceptor::serve`: a TCP connection and a place → a session on a thread for logins.
//! 2. `session/serve.rs`, `run`: → `accept` (PROXY header, address limits, TLS) → a client and its connection; after
//!    the login `place.rs` moves the session to the thread for sessions with the fewest.
//! 3. `session/relay.rs`, `Relay::run`: asks `Exchange::advance` what to do, does it, tells it the result; again.
//! 4. `session/exchange/commands.rs`, `take_commands`: the client's bytes → `Command` → `Pending`; the line for the upstream.
//! 5. `session/exchange/replies.rs`, `take_status`: the upstream's `+OK` → `retrieve.rs`, `begin_retrieval`: held.
//! 6. `session/exchange/retrieve.rs`, `take_held`: the buffer up to the final dot or a limit → `Action::Judge`.
//! 7. `session/judge.rs`, `Judge::message`: dot-stuffed text → `filter` on this thread or in the pool → a `Judgement`.
//! 8. `session/exchange/retrieve.rs`, `judged`: a verdict → `Action::Quarantine`, or `send_marked`.
//! 9. `rewrite/plan.rs`, `Plan::new`, `apply`: a verdict and the header → pieces: ranges of the original, and insertions.
//! 10. `session/exchange/output.rs`, `ClientOutput` → `session/connection.rs`, `poll_write`: pieces → one vectored write.
//!
//! ## From a rule file to the scanner
//!
//! 1. `rule_folder.rs`, `load`: a folder's path → the text of its `*.toml` and `lists/*.txt`, and today's date.
//! 2. `filter/rules.rs`, `RuleSet::of_folder`: texts → layers: the stock's (`filter/stock.rs`), then the folder's.
//! 3. `filter/rule_file.rs`, `file`: a text → `schema` → one `Entry` per `[[rule]]`, or problems with file and line.
//! 4. `filter/rule_file/test_keys.rs`: `phrases`, `words`, `regex`, `fact`, `count` … → a `Test`.
//! 5. `filter/rule_file.rs`, `RuleOverride::apply`: a later layer's keys → changes to the rule with that id.
//! 6. `filter/message_filter.rs`, `Filter::new`: the set and the thresholds → what has not expired.
//! 7. `filter/compiled_rules.rs`, `CompiledRules::new`: rules → sorted by the place they look at.
//! 8. `filter/required_literals.rs`, `required_pairs.rs`: a regex → literals and pairs of octets without which it cannot match.
//! 9. `filter/scan/build.rs`, `Scanner::new`: the rules of one place → one index of all their words, and its confirmations.
//! 10. `filter/pattern.rs`, `Pattern::regex`: a stock regex is compiled when a text first needs it.
//!
//! ## From configuration to use
//!
//! 1. `cli/serve.rs`: arguments → `Flags` and the file's path.
//! 2. `config/resolve.rs`, `Config::load`: the file's text → `schema/toml_file.rs`, `TomlFile::parse`: a spanned table.
//! 3. `schema/section.rs`, `Section`: one table → typed values; unknown and renamed keys → problems.
//! 4. `config/listen.rs`, `upstream.rs`, `filter.rs`, `limits.rs` …: sections → bounded values with defaults.
//! 5. `config/flags.rs`, `overlay`: flags over the file.
//! 6. `server/build.rs`, `build`: sockets bound, keys read, privileges given up → a `Server`, or every problem at once.
//! 7. `server/service.rs`, `open`: the configuration → a `Service`: listeners, router, filter, quotas, limits.
//! 8. `server/mod.rs`, `run`: accepts; each session keeps the `Service` that was active when it came.
//! 9. `session/service.rs`, `exchange_config`: limits, timeouts and style → the exchange.
//! 10. `server/reload.rs`, `Reloader::reload`: a new configuration → a new `Service` for new sessions, or no change.
//!
//! ## From a message to its verdict
//!
//! 1. `session/judge.rs`, `Judge::header`, `message`: wire octets → un-stuffed octets.
//! 2. `filter/message_filter.rs`, `judge_header`: the header while the body still arrives → a `HeaderStage`.
//!    `filter/message_filter/early.rs`, `passes_by_header`: whether it may go to the client now, and be judged later.
//!    `session/relay/checks.rs`, `external.rs`: what others say of it, if that is configured → `Findings` in the context.
//! 3. `message/headers.rs`, `Headers::of`: octets → fields; `message/decode.rs`: encoded words, charsets.
//! 4. `message/content.rs`, `Content::of`: octets → `mime.rs`, `walk`: parts → texts, pages, files, links, within limits.
//! 5. `message/html.rs`, `read`: a page → `visible_text.rs`, links, `page_traits.rs`; `homoglyphs.rs` spells look-alikes.
//! 6. `filter/scan.rs`, `Scanner::scan`: each place's texts → `rule_matches.rs`, `RuleMatches`.
//! 7. `filter/facts`: what no pattern tells: counts, sender and link relations → values for rules.
//! 8. `filter/rule_hits.rs`, `hits`: matches and facts → the rules that hit, combined ones included.
//! 9. `filter/classifier/extract.rs`, `opinion.rs`: features × weights of all and of the mailbox → points, with reasons.
//! 10. `filter/scoring.rs`, `Verdict::add_up`: hits and points → score, `Thresholds::action` → pass, tag or drop.
//!
//! ## From training to weights
//!
//! 1. `cli/train.rs`: paths of ham and spam → `learn/training.rs`, `train`: both kinds in step.
//! 2. `learn/corpus.rs`, `expand`, `read`: folders, Maildirs, mbox files → messages, bounded.
//! 3. `learn/trainer.rs`, `Trainer::open`: the data directory → a lock, learned state, a filter that extracts.
//! 4. `learn/trainer.rs`, `Trainer::teach`: a message → `filter/classifier/original.rs`, `identity.rs`: what the sender
//!    wrote, and its digest → `judge_with_features` → features as hashes.
//! 5. `filter/classifier/learned_state.rs`, `update_for`: features and label → nothing, or `WeightChange`s.
//! 6. `filter/classifier/model.rs`, `step`, `learn`: the evidence → one step of each group's weights.
//! 7. `store/knowledge.rs`, `change`: a change → a record of the journal, before it counts.
//! 8. `store/knowledge.rs`, `relearn`: the journal's messages → `samples.rs` → `filter/classifier/pile.rs`, `learn`: weights
//!    that do not depend on the order → one file, written durably; the journal begins anew.
//! 9. `store/knowledge.rs`, `follow`: a running server sees the journal grow → `catch_up`.
//! 10. `filter/classifier/learned_state.rs`, `apply`: the next verdict is made with the new weights.
//! 11. `store/knowledge/shared_lessons.rs`: with PostgreSQL, 4 goes into the store of all nodes, and each does 5 to 10.

pub mod admin;
pub mod cli;
pub mod config;
pub mod demo;
pub mod external;
pub mod filter;
pub mod import;
pub mod learn;
pub mod mailbox_id;
pub mod message;
pub mod metrics;
pub mod net;
pub mod platform;
pub mod pop3;
pub mod public_suffix;
pub mod rewrite;
pub mod rule_folder;
pub mod schema;
pub mod server;
pub mod session;
pub mod store;
pub mod thread_pool;
pub mod thread_priority;
pub mod upstream;
