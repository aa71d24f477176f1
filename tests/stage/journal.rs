//! The journal of the stage: in memory and on its clock, so that what goes on record looks the same each time.

use quarterdeck::app::{Effect, Msg};
use quarterdeck::journal::{Actor, Entry, Mode, News, Record};

use super::Stage;

/// Records so far.
#[derive(Default)]
pub struct Book {
    seq: u64,
}

impl Stage {
    /// Puts it on record, tells the console, and gives its hash.
    pub async fn record(&mut self, entry: Entry) -> String {
        let msg = self.written(entry);
        self.tell(msg).await;
        format!("h{}", self.book.seq)
    }

    /// The console has read that nothing is on record.
    pub async fn read_journal(&mut self) {
        "k.lind".clone_into(&mut self.app.recorded.me);
        let news = News {
            first: true,
            ..News::default()
        };
        self.tell(Msg::Journal(news)).await;
    }

    /// What the console hears of a record that it asked for.
    pub(super) fn keep(&mut self, effect: &Effect) -> Option<Msg> {
        match effect {
            Effect::Record(entry) => Some(self.written((**entry).clone())),
            _ => None,
        }
    }

    fn written(&mut self, mut entry: Entry) -> Msg {
        self.book.seq += 1;
        if entry.incident.is_empty() {
            entry.incident = self.app.incident().map(|i| i.id.clone()).unwrap_or_default();
        }
        let record = Record {
            v: 1,
            seq: self.book.seq,
            ts: self.now(),
            host: "bastion".to_owned(),
            pid: 1,
            session: "stage".to_owned(),
            build: "stage".to_owned(),
            actor: Actor {
                os_user: "k.lind".to_owned(),
                ..Actor::default()
            },
            mode: Mode::Live,
            entry,
            prev_hash: String::new(),
            hash: format!("h{}", self.book.seq),
        };
        Msg::Journal(News {
            records: vec![record.into()],
            ..News::default()
        })
    }
}
