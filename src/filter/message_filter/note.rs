//! What of a message is noted beside its verdict.

use std::sync::Arc;

use super::Filter;
use crate::filter::classifier::{FeatureSet, Features, identity, is_popgates_own};
use crate::filter::context::{Context, Keeps};
use crate::filter::facts;
use crate::filter::message_view::MessageView;
use crate::filter::noted::{KeptLesson, Noted, NotedLesson};
use crate::filter::receiving_server::Observed;

/// Octets of From and of a subject that are kept.
const SHOWN: usize = 300;

/// A message that costs more is not looked at a second time: one with fields of a mail program, which are not learned.
const TWICE: u64 = 2_000_000;

impl Filter {
    /// `features` are those of the message as it was judged, if they were extracted and are to be kept.
    pub(super) fn note(
        &self,
        context: &Context,
        mail: &MessageView<'_>,
        features: Option<Features>,
    ) -> Arc<Noted> {
        let keeps = context.policy.as_ref().map(|policy| policy.keeps);
        let mut addresses = mail.from().iter().filter_map(|from| from.addr.as_deref());
        let only = addresses.find(|address| address.contains('@'));
        let only = only.filter(|_| !addresses.any(|address| address.contains('@')));
        Arc::new(Noted {
            from: cut(mail.headers.text("from")),
            subject: (keeps.unwrap_or_default() == Keeps::All)
                .then(|| cut(mail.headers.text("subject"))),
            address: only.map(str::to_owned),
            is_authenticated: facts::is_sender_authenticated(mail),
            checked_by: self.checked_by(context, mail),
            lesson: match features {
                _ if self.learned.is_none() => KeptLesson::Never,
                Some(features) => self.lesson(mail, features),
                None => KeptLesson::LeftOut,
            },
        })
    }

    /// None if that is configured, or says nothing new of the mailbox.
    fn checked_by(&self, context: &Context, mail: &MessageView<'_>) -> Option<Observed> {
        if self.authserv_ids.is_some() {
            return None;
        }
        let observed = facts::checked_by(mail);
        let known = context.receiving_server.as_deref();
        known
            .is_none_or(|it| it.is_changed_by(&observed))
            .then_some(observed)
    }

    /// As training would learn it.
    fn lesson(&self, mail: &MessageView<'_>, features: Features) -> KeptLesson {
        let original = self.original(mail.raw);
        if is_popgates_own(&original) || mail.headers.fields().is_empty() {
            return KeptLesson::Never;
        }
        let features = match original.len() == mail.raw.len() {
            true => features,
            false if mail.work.spent() > TWICE => return KeptLesson::LeftOut,
            false => self.judge_with_features(&original).1,
        };
        KeptLesson::Kept(NotedLesson {
            digest: self.digest(mail.raw),
            sender: identity::sender(&original),
            features: FeatureSet::of(&features),
        })
    }
}

fn cut(text: &str) -> String {
    crate::message::visible_text::cut(text.trim(), SHOWN).to_owned()
}
