//! The journal of this console, and the incident whose id its records carry.

use std::path::Path;
use std::sync::Arc;

use super::{Event, Link, Recorder};
use crate::action::Policy;
use crate::app::Msg;
use crate::journal::{Journal, Mode, Who};

impl Link {
    /// The journal; before there is a cluster to name it is opened for what is said of an incident. None for who only
    /// reads, and where it cannot be written, which is told.
    pub fn journal(&mut self, folder: Option<&Path>) -> Option<Arc<Journal>> {
        if self.journal.is_none() && self.grant.is_some() {
            match Journal::open(folder?, Who::here("", Mode::Live)) {
                Ok(journal) => {
                    journal.set_incident(&self.incident);
                    self.journal = Some(Arc::new(journal));
                }
                Err(why) => {
                    let (sender, broken) = (self.sender.clone(), Msg::JournalBroken(Some(why.to_string())));
                    tokio::spawn(async move { sender.send(Event::Msg(broken)).await });
                }
            }
        }
        self.journal.clone()
    }

    /// What a shell in a container rests on.
    ///
    /// # Errors
    /// What is missing.
    pub fn exec_means(&self, journal: Arc<Journal>, recorder: Recorder) -> Result<crate::run::exec::Means, String> {
        let cluster = self.cluster.clone().ok_or("not connected to a cluster")?;
        if cluster.place().context == crate::feed::kube::source::IN_CLUSTER {
            return Err("kubectl knows no context here: the console runs on the pod's own account".to_owned());
        }
        let class = super::class(&self.config, cluster.place(), &self.platforms);
        Ok(crate::run::exec::Means {
            kubeconfig: self.kubeconfig(),
            allowed: self.config.policy.exec(),
            policy: Policy::of(&self.config.policy, &self.platforms),
            cluster,
            journal,
            recorder,
            class,
        })
    }

    /// Writes its own records this way, too: nothing is changed before everything earlier is on disk.
    pub fn record_with(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    /// Every record from now on carries this incident's id.
    pub fn set_incident(&mut self, id: String) {
        if let Some(journal) = &self.journal {
            journal.set_incident(&id);
        }
        self.incident = id;
    }
}
