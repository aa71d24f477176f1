//! The thread on which expressions are parsed and evaluated: its stack is large, and it is not waited for without end.

use std::sync::atomic::{AtomicIsize, AtomicU8, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Stack of the evaluating thread; only the pages that are touched cost anything.
const STACK: usize = 64 << 20;
/// Threads that did not come back in time; past this no more are started.
const MAX_RUNAWAYS: isize = 2;
/// The thread's name, by which a panic hook can tell that the console itself is well.
pub const THREAD: &str = "qd-expression";

pub(super) static RUNAWAYS: AtomicIsize = AtomicIsize::new(0);

/// Runs `task` on a thread with a large stack, this one if it already is one. The error says why there is no result.
pub(in crate::runbook) fn on_large_stack<T: Send + 'static>(
    patience: Duration,
    task: impl FnOnce() -> T + Send + 'static,
) -> Result<T, &'static str> {
    if std::thread::current().name() == Some(THREAD) {
        return Ok(task());
    }
    if RUNAWAYS.load(Ordering::SeqCst) >= MAX_RUNAWAYS {
        return Err("expressions are switched off: two have not ended; restart the console if it stays so");
    }
    let (send, receive) = mpsc::sync_channel(1);
    let watch = Watch::default();
    let ours = watch.clone();
    let work = move || {
        // Dropped last, whether the task ends or breaks.
        let _ended = Ended(ours);
        let _ = send.send(task());
    };
    let spawned = std::thread::Builder::new()
        .name(THREAD.to_owned())
        .stack_size(STACK)
        .spawn(work);
    if spawned.is_err() {
        return Err("no thread could be started to evaluate it; the machine is short of memory or processes");
    }
    match receive.recv_timeout(patience) {
        Ok(result) => Ok(result),
        Err(mpsc::RecvTimeoutError::Timeout) => {
            watch.give_up();
            Err("the expression did not end in time")
        }
        Err(mpsc::RecvTimeoutError::Disconnected) => Err("the expression broke the evaluator"),
    }
}

/// One thread, as both sides see it. A thread that was only slow (a stopped process, a busy machine) stops counting as
/// a runaway when it ends.
#[derive(Clone, Default)]
struct Watch(Arc<AtomicU8>);

const RUNNING: u8 = 0;
const LATE: u8 = 1;
const ENDED: u8 = 2;

impl Watch {
    fn give_up(&self) {
        if self
            .0
            .compare_exchange(RUNNING, LATE, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
        {
            RUNAWAYS.fetch_add(1, Ordering::SeqCst);
        }
    }
}

struct Ended(Watch);

impl Drop for Ended {
    fn drop(&mut self) {
        if self.0.0.swap(ENDED, Ordering::SeqCst) == LATE {
            RUNAWAYS.fetch_sub(1, Ordering::SeqCst);
        }
    }
}
