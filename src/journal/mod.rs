//! The record of what was done: append-only, one JSON object a line, one file per host, user and day.
//!
//! A change is written down before it is sent (`intent`) and after it was answered (`result`), each time down to the
//! disk. When that fails nothing is sent: the journal fails closed.
//!
//! Every line carries the hash of the line before it, so an edit, a reordering or a removal in the middle shows. A bare
//! chain does not show a removed tail or a rewrite of the whole file by its owner; shipping it elsewhere does.

mod chain;
mod clean;
pub mod incident;
#[cfg(test)]
mod incident_tests;
mod level;
pub mod message;
mod period;
mod person;
mod read;
pub mod recent;
mod record;
pub mod replay;
#[cfg(test)]
mod replay_tests;
pub mod report;
pub mod spool;
mod tail;
pub mod temporary;
#[cfg(test)]
mod tests;
pub mod timeline;
mod write;

pub use chain::sha256;
pub use clean::{redact_body, redact_field};
pub use incident::{Fact, Incident, Incidents, Status};
pub use level::{Level, Levels};
pub use person::login_name;
pub use read::{Bad, Leaf, Reading, Torn, files, merged, read, unlinked};
pub use record::{Actor, Entry, Mode, Record, RecordKind, RequestSeen, ResponseSeen, RunbookRef, Target};
pub use tail::{News, Tail};
pub use temporary::{Ledger, Temporary};
pub use timeline::{Moment, Timeline};
pub use write::{Journal, JournalError, Ticket, Who, session};

/// No record is longer: what does not fit is left out, and the record says so.
pub const MAX_RECORD: usize = 8 * 1024;

/// Sets a field of `data`, which becomes an object if it is none.
fn set(data: &mut serde_json::Value, name: &str, value: String) {
    if !data.is_object() {
        *data = serde_json::Value::Object(serde_json::Map::new());
    }
    if let Some(map) = data.as_object_mut() {
        map.insert(name.to_owned(), value.into());
    }
}
