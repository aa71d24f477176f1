//! The other consoles of this machine, as the spool shows them: who is here, who waits for a second person, who follows
//! whom. [`super::approval`] and [`super::follow`] are what is done with it.

use std::collections::BTreeSet;

use super::approval::waits_for_us;
use super::approval_steps::StepAsked;
use super::follow::Following;
use super::follow_file::Recorded;
use super::msg::{Effect, Notice};
use super::{Access, App, Occasion};
use crate::journal::spool::{Ask, News, Presence, Role, Seen};
use crate::text;

/// What may be asked of the spool.
#[derive(Clone, Debug, PartialEq)]
pub enum ToSpool {
    /// A plan waits for a second person; the entry is on record first.
    Ask(Box<Ask>, Box<crate::journal::Entry>),
    /// It waits no longer.
    Withdraw(String),
    /// The answer to somebody else's question; the entry is on record first.
    Answer(Box<crate::journal::spool::Answer>, Box<crate::journal::Entry>),
}

#[derive(Debug, Default)]
pub struct Bastion {
    /// What lay in the spool at the last look; `None`: no spool is configured, or it was not looked at yet.
    pub news: Option<News>,
    /// Whose screen is mirrored here.
    pub following: Option<Following>,
    /// The journal file that is followed instead.
    pub recorded: Option<Recorded>,
    /// Steps of our runs that wait for somebody.
    pub(super) steps: Vec<StepAsked>,
    /// Questions of others that were announced.
    told: BTreeSet<String>,
    /// Trouble that was announced.
    complained: Option<String>,
}

impl Bastion {
    pub fn me(&self) -> Option<&crate::journal::spool::Me> {
        self.news.as_ref().map(|n| &n.me)
    }

    /// Whether a console of the list is this one.
    pub fn is_me(&self, here: &Seen<Presence>) -> bool {
        self.me()
            .is_some_and(|me| me.person.uid == here.by().uid && me.session == here.id())
    }

    /// Everybody who is here, this console too.
    pub fn present(&self) -> &[Seen<Presence>] {
        self.news.as_ref().map_or(&[], |n| &n.present)
    }

    /// What waits for a second person, ours too.
    pub fn asks(&self) -> &[Seen<Ask>] {
        self.news.as_ref().map_or(&[], |n| &n.asks)
    }
}

impl App {
    /// How many consoles follow this one.
    pub fn watchers(&self) -> usize {
        let Some(me) = self.bastion.me() else { return 0 };
        self.bastion
            .present()
            .iter()
            .filter(|p| p.what().following.as_deref() == Some(&*me.session) && !self.bastion.is_me(p))
            .count()
    }

    /// Operators whose screen can be followed.
    pub fn operators(&self) -> Vec<&Seen<Presence>> {
        let present = self.bastion.present().iter();
        present
            .filter(|p| p.what().role == Role::Operator && !self.bastion.is_me(p))
            .collect()
    }

    /// Questions of others that this person may answer.
    pub fn to_answer(&self) -> Vec<&Seen<Ask>> {
        let Some(news) = &self.bastion.news else {
            return Vec::new();
        };
        if matches!(self.access, Access::ReadOnly { .. }) {
            return Vec::new();
        }
        news.asks.iter().filter(|ask| waits_for_us(news, ask)).collect()
    }

    /// Somebody came, went, looked elsewhere, asked or answered.
    pub(super) fn spool_changed(&mut self, news: News) -> Vec<Effect> {
        self.dirty = true;
        if news.trouble != self.bastion.complained {
            self.bastion.complained.clone_from(&news.trouble);
            if let Some(why) = &news.trouble {
                self.toast(Notice::error(why.clone()));
            }
        }
        self.bastion.news = Some(news);
        let mut effects = self.hear_answers();
        effects.extend(self.steps_hear());
        let fresh: Vec<(String, String)> = self
            .to_answer()
            .into_iter()
            .filter(|ask| !self.bastion.told.contains(ask.id()))
            .map(|ask| {
                let text = format!("{} asks for a second person: {}", ask.by(), ask.what().title);
                (ask.id().to_owned(), text::clean(&text).into_owned())
            })
            .collect();
        for (id, text) in fresh {
            self.bastion.told.insert(id);
            let key = self.keys_for("company.open");
            effects.extend(self.call(Occasion::Asked, text.clone()));
            self.toast(Notice::info(format!("{text}. {key} shows the plan")));
        }
        self.questions_renewed();
        effects.extend(self.mirror());
        effects
    }
}
