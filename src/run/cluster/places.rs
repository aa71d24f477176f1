//! From one context or platform to another: the sources beside Kubernetes go with the place, and nothing of the old one
//! is heard any more.

use super::super::reads::PlatformRow;
use super::super::sources::{self, Means};
use super::{Link, class};
use crate::action::{Class, Reach};
use crate::app::{Msg, Notice};
use crate::config::{Config, Platform, Target};
use crate::model::{Place, Scope};

/// How careful to be at a platform, as far as the configuration alone says.
pub(in crate::run) fn class_of(config: &Config, platform: &Platform) -> Class {
    let place = Place {
        platform: platform.name.clone(),
        context: platform.context.clone().unwrap_or_default(),
        server: String::new(),
        scope: Scope::All,
    };
    class(config, &place, std::slice::from_ref(&platform.name))
}

impl Link {
    /// The platforms of the configuration, the open one too.
    pub fn platforms(&self) -> Vec<PlatformRow> {
        let row = |p: &Platform| PlatformRow {
            name: p.name.clone(),
            class: class_of(&self.config, p).badge().to_owned(),
            current: Some(&p.name) == self.target.platform.as_ref(),
        };
        self.config.platforms.iter().map(row).collect()
    }

    /// The platform that is open, by its name.
    pub fn open_platform(&self) -> Option<&str> {
        self.target.platform.as_deref()
    }

    /// Leaves what it is connected to, and connects anew.
    pub fn connect(&mut self, context: Option<String>, scope: Option<Scope>) -> Vec<Msg> {
        let here = self.here.take().or_else(|| self.target.context.clone());
        let goes = context.is_some() && context != here;
        if context.is_some() {
            self.target.context = context;
        }
        if goes {
            self.choose_platform();
        }
        self.target.scope = scope.or_else(|| self.target.scope.take());
        self.leave();
        match self.target.context.clone().filter(|_| goes) {
            Some(context) => vec![self.leaving(context)],
            None => Vec::new(),
        }
    }

    /// Leaves for another platform of the configuration.
    pub fn go_to(&mut self, name: &str) -> Vec<Msg> {
        let Some(platform) = self.config.platform(name) else {
            return vec![Msg::Notice(Notice::error(format!("there is no platform {name}")))];
        };
        self.target = Target {
            platform: Some(platform.name.clone()),
            kubeconfig: self
                .config
                .asked
                .kubeconfig
                .clone()
                .or_else(|| platform.kubeconfig.clone()),
            context: platform.context.clone(),
            scope: self.config.scope(Some(platform)),
        };
        // Its contexts may be of another file.
        self.visited.clear();
        self.here = None;
        self.leave();
        vec![self.leaving(name.to_owned())]
    }

    fn leave(&mut self) {
        self.feeds = None;
        self.sources = None;
        self.reach = Reach::default();
        self.cluster = None;
        self.planner = None;
        self.actor = None;
        // What a source of the old place is about to say is not heard any more.
        drop(self.inbox.renew());
        self.dial();
    }

    fn leaving(&self, context: String) -> Msg {
        let sources = self.platform().map(Platform::sources).unwrap_or_default();
        Msg::Leaving { context, sources }
    }

    /// The platform to which the new context belongs, if any, and its namespaces.
    fn choose_platform(&mut self) {
        let Some(context) = &self.target.context else { return };
        let known = self.visited.get(context).cloned();
        let kubeconfig = self.target.kubeconfig.as_deref();
        self.target.platform = known.unwrap_or_else(|| {
            let platform = self.config.platform_of(context, kubeconfig);
            platform.map(|p| p.name.clone())
        });
        self.target.scope = self.config.scope(self.platform());
    }

    pub(super) fn platform(&self) -> Option<&Platform> {
        self.config.platform(self.target.platform.as_deref()?)
    }
    /// How what the platform has beside Kubernetes is reached, and where the templates of Jobs are.
    pub(super) fn ways(&self, means: &Means) -> Reach {
        let mut reach = self.platform().map(|p| sources::reach(p, means)).unwrap_or_default();
        let folder = self.config.paths.config.iter();
        reach.job_templates = folder.map(|folder| folder.join("jobs")).collect();
        reach
    }
}
