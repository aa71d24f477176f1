//! PostgreSQL and PgBouncer, as a guest: one connection, short limits, statements that take no lock worth speaking of,
//! and nothing asked twice that was refused once.
//!
//! [`run`] never ends by itself. It reads every view when it is due, one after the other, so that a tick is skipped
//! while another is in flight; a view that takes a quarter of its period is read half as often.

mod conninfo;
mod explain;
mod fault;
mod literals;
mod looks;
mod pools;
pub mod rights;
mod secrets;
mod server;
mod session;
mod tally;
pub mod views;
mod wire;

pub use conninfo::Env;
pub use explain::explain;
pub use fault::Fault;
pub use literals::hide as without_literals;
pub use server::Server;
pub use session::{Note, Session, identifier, literal};
pub use wire::{Dialer, Duplex, Wire};

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::Inbox;
use crate::model::{Freshness, SourceId, SourceKind};
use looks::Looks;

/// What somebody looks at now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The pane of slow queries shows: activity and locks every 2 s rather than every 10 s.
    pub pane: bool,
    /// Its lists of tables and indexes show: those are read oftener too.
    pub tables: bool,
    /// Another number: everything is read at once, for something was changed.
    pub again: u32,
}

/// Between two attempts to connect: doubled each time, with a quarter of chance in it.
struct BackOff(Duration);

impl BackOff {
    const FIRST: Duration = Duration::from_secs(1);
    const MOST: Duration = Duration::from_secs(30);

    fn next(&mut self) -> Duration {
        let now = self.0;
        self.0 = (now * 2).min(Self::MOST);
        now.mul_f64(1.0 + fastrand::f64() / 4.0)
    }
}

/// Reads one server for as long as it is polled. Connects, publishes what it sees and how well it is reached, and when
/// the connection is lost tries again. `wanted` may be closed: then what it said last holds.
pub async fn run(server: Arc<Server>, mut wanted: watch::Receiver<Wanted>, inbox: Inbox) {
    let id = SourceId {
        kind: SourceKind::Postgres,
        name: server.source.name.as_str().into(),
    };
    let mut looks = Looks::new(Arc::clone(&server), id.clone(), inbox.clone());
    let mut wait = BackOff(BackOff::FIRST);
    let mut fresh_until: Option<Timestamp> = None;
    inbox.reach(id.clone(), Freshness::Syncing { rows: 0 });
    loop {
        let why = match server.connect().await {
            Ok(session) => {
                wait = BackOff(BackOff::FIRST);
                inbox.reach(id.clone(), Freshness::Fresh);
                let why = looks.serve(session, &mut wanted).await;
                fresh_until = Some(Timestamp::now());
                why
            }
            Err(why) => why,
        };
        let pause = wait.next();
        let now = Timestamp::now();
        let retry_at = now
            .checked_add(SignedDuration::try_from(pause).unwrap_or_default())
            .unwrap_or(now);
        let why = why.to_string().into();
        looks.lost(&why);
        let state = match fresh_until {
            Some(since) => Freshness::Stale { since, why, retry_at },
            None => Freshness::Failed { why, retry_at },
        };
        inbox.reach(id.clone(), state);
        tokio::time::sleep(pause).await;
    }
}
