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
mod level;
pub mod message;
mod read;
mod record;
pub mod report;
mod tail;
pub mod temporary;
#[cfg(test)]
mod tests;
pub mod timeline;
mod write;

pub use chain::sha256;
pub use clean::redact_body;
pub use incident::{Fact, Incident, Incidents, Status};
pub use level::{Level, Levels};
pub use read::{Reading, Torn, read};
pub use record::{Actor, Entry, Mode, Record, RecordKind, RequestSeen, ResponseSeen, RunbookRef, Target};
pub use tail::{News, Tail};
pub use temporary::{Ledger, Temporary};
pub use timeline::{Moment, Timeline};
pub use write::{Journal, JournalError, Ticket, Who};

/// No record is longer: what does not fit is left out, and the record says so.
pub const MAX_RECORD: usize = 8 * 1024;
