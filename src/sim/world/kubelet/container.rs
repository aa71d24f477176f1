//! One container through its life.

use super::super::World;
use super::super::json::{int, list, millis, secs, text, time};
use super::super::scenario::{Life, Start};
use super::{Run, note};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

#[derive(Debug)]
pub(super) struct Container {
    pub name: String,
    pub image: String,
    pub init: bool,
    /// An init container that goes on running beside the others.
    pub sidecar: bool,
    pub state: State,
    pub restarts: i64,
    pub last: Option<Ended>,
    /// Seconds that the next crash costs; 0 before the first.
    crash_delay: i64,
    pull_delay: i64,
}

/// A run that is over.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ended {
    pub code: i64,
    pub reason: String,
    pub started: Timestamp,
    pub finished: Timestamp,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum State {
    /// `ContainerCreating` or `PodInitializing`.
    Idle,
    Pulling {
        until: Timestamp,
        took: SignedDuration,
    },
    /// `ErrImagePull`, as long as the kubelet takes to say the next.
    PullFailed {
        until: Timestamp,
    },
    /// `ImagePullBackOff`.
    PullBackOff {
        until: Timestamp,
    },
    Running {
        since: Timestamp,
        life: Life,
        complained: Option<Timestamp>,
    },
    /// Ended, and the kubelet has not yet decided.
    Ended {
        until: Timestamp,
    },
    /// `CrashLoopBackOff`.
    CrashBackOff {
        until: Timestamp,
        delay: i64,
    },
    /// Ended for good.
    Done,
}

const FIRST_DELAY_S: i64 = 10;
const LONGEST_DELAY_S: i64 = 300;

/// The status that a pod already has for a container of that name.
pub(super) fn status_of<'a>(pod: &'a Value, pointer: &str, name: &str) -> Option<&'a Value> {
    list(pod, pointer).iter().find(|s| text(s, "/name") == name)
}

impl Container {
    /// A container not begun, or as its status says when this kubelet takes over a pod that is there.
    pub fn new(spec: &Value, status: Option<&Value>, init: bool) -> Self {
        let sidecar = super::pods::is_sidecar(spec);
        let started = status.and_then(|s| time(s, "/state/running/startedAt"));
        let exit = status.and_then(|s| s.pointer("/state/terminated"));
        let state = match (started, exit) {
            (Some(since), _) => State::Running {
                since,
                life: Life {
                    ready: Some(since),
                    exit: None,
                },
                complained: None,
            },
            (None, Some(_)) => State::Done,
            _ => State::Idle,
        };
        let ended = |t: &Value| Ended {
            code: int(t, "/exitCode"),
            reason: text(t, "/reason").to_owned(),
            started: time(t, "/startedAt").unwrap_or_default(),
            finished: time(t, "/finishedAt").unwrap_or_default(),
        };
        Self {
            name: text(spec, "/name").to_owned(),
            image: text(spec, "/image").to_owned(),
            init,
            sidecar,
            state,
            restarts: status.map_or(0, |s| int(s, "/restartCount")),
            last: exit
                .or(status.and_then(|s| s.pointer("/lastState/terminated")))
                .map(ended),
            crash_delay: 0,
            pull_delay: 0,
        }
    }

    pub fn is_running(&self) -> bool {
        matches!(self.state, State::Running { .. })
    }

    pub fn succeeded(&self) -> bool {
        self.state == State::Done && self.last.as_ref().is_some_and(|l| l.code == 0)
    }

    pub fn is_ready(&self, now: Timestamp) -> bool {
        match &self.state {
            State::Running { life, .. } => life.ready.is_some_and(|at| at <= now),
            State::Done => self.init && self.succeeded(),
            _ => false,
        }
    }

    /// When something happens next by itself.
    pub fn next(&self) -> Option<Timestamp> {
        match &self.state {
            State::Idle | State::Done => None,
            State::Pulling { until, .. }
            | State::PullFailed { until }
            | State::PullBackOff { until }
            | State::Ended { until }
            | State::CrashBackOff { until, .. } => Some(*until),
            State::Running {
                life,
                complained,
                since,
            } => {
                let exit = life.exit.as_ref().map(|e| e.at);
                let seen = complained.unwrap_or(*since);
                // A container that never becomes ready complains now and then; one that will, once it is.
                let ready = life.ready.map_or(Some(seen + secs(60)), |at| (at > seen).then_some(at));
                exit.into_iter().chain(ready).min()
            }
        }
    }
}

/// Moves one container on, as far as the clock allows.
pub(super) fn advance(world: &mut World, pod: &Value, run: &Run, c: &mut Container, policy: &str) {
    let now = world.now;
    loop {
        let state = c.state.clone();
        match state {
            State::Idle => pull(world, pod, run, c),
            State::Pulling { until, took } if until <= now => pulled(world, pod, run, c, took),
            State::PullFailed { until } if until <= now => {
                c.pull_delay = (c.pull_delay * 2).clamp(FIRST_DELAY_S, LONGEST_DELAY_S);
                note(
                    world,
                    pod,
                    run,
                    c,
                    "Normal",
                    "BackOff",
                    &format!("Back-off pulling image \"{}\"", c.image),
                );
                note(world, pod, run, c, "Warning", "Failed", "Error: ImagePullBackOff");
                c.state = State::PullBackOff {
                    until: now + secs(c.pull_delay),
                };
            }
            State::PullBackOff { until } if until <= now => pull(world, pod, run, c),
            State::Running {
                since,
                life,
                complained,
            } => {
                if let Some(exit) = life.exit.clone().filter(|e| e.at <= now) {
                    c.last = Some(Ended {
                        code: exit.code,
                        reason: exit.reason,
                        started: since,
                        finished: exit.at,
                    });
                    let again = policy == "Always" || policy == "OnFailure" && exit.code != 0;
                    if exit.at.duration_since(since) > secs(2 * LONGEST_DELAY_S) {
                        c.crash_delay = 0;
                    }
                    c.state = if again {
                        State::Ended {
                            until: now + millis(700),
                        }
                    } else {
                        State::Done
                    };
                    continue;
                }
                let mut seen = complained;
                if life.ready.is_none() && now >= complained.unwrap_or(since) + secs(60) {
                    let message = "Readiness probe failed: HTTP probe failed with statuscode: 503";
                    note(world, pod, run, c, "Warning", "Unhealthy", message);
                    seen = Some(now);
                }
                if life.ready.is_some_and(|at| at <= now) && complained.is_none() {
                    seen = life.ready;
                }
                c.state = State::Running {
                    since,
                    life,
                    complained: seen,
                };
                return;
            }
            State::Ended { until } if until <= now => {
                if c.crash_delay == 0 {
                    // The first one is started again at once.
                    c.crash_delay = FIRST_DELAY_S;
                    c.restarts += 1;
                    begin(world, pod, run, c);
                } else {
                    let delay = c.crash_delay;
                    c.crash_delay = (delay * 2).min(LONGEST_DELAY_S);
                    let (name, ns, uid) = identity(pod);
                    let message = format!(
                        "Back-off restarting failed container {} in pod {name}_{ns}({uid})",
                        c.name
                    );
                    note(world, pod, run, c, "Warning", "BackOff", &message);
                    let finished = c.last.as_ref().map_or(now, |l| l.finished);
                    c.state = State::CrashBackOff {
                        until: (finished + secs(delay)).max(now + millis(1)),
                        delay,
                    };
                }
            }
            State::CrashBackOff { until, .. } if until <= now => {
                c.restarts += 1;
                begin(world, pod, run, c);
            }
            _ => return,
        }
    }
}

pub(super) fn identity(pod: &Value) -> (&str, &str, &str) {
    (
        text(pod, "/metadata/name"),
        text(pod, "/metadata/namespace"),
        text(pod, "/metadata/uid"),
    )
}

fn pull(world: &mut World, pod: &Value, run: &Run, c: &mut Container) {
    let there = (run.node.clone(), c.image.clone());
    if world.kubelet.pulled.contains(&there) {
        begin(world, pod, run, c);
        return;
    }
    note(
        world,
        pod,
        run,
        c,
        "Normal",
        "Pulling",
        &format!("Pulling image \"{}\"", c.image),
    );
    let took = if world.scenario.image_exists(&c.image) {
        millis(900 + world.rng.i64(0..1800))
    } else {
        millis(800)
    };
    c.state = State::Pulling {
        until: world.now + took,
        took,
    };
}

fn pulled(world: &mut World, pod: &Value, run: &Run, c: &mut Container, took: SignedDuration) {
    if world.scenario.image_exists(&c.image) {
        let took = format!("{}.{}s", took.as_secs(), took.subsec_millis() / 100);
        let message = format!(
            "Successfully pulled image \"{}\" in {took} ({took} including waiting). Image size: 73421000 bytes.",
            c.image
        );
        note(world, pod, run, c, "Normal", "Pulled", &message);
        world.kubelet.pulled.insert((run.node.clone(), c.image.clone()));
        c.pull_delay = 0;
        create(world, pod, run, c);
    } else {
        let message = format!(
            "Failed to pull image \"{}\": {}",
            c.image,
            super::status::pull_error(&c.image)
        );
        note(world, pod, run, c, "Warning", "Failed", &message);
        note(world, pod, run, c, "Warning", "Failed", "Error: ErrImagePull");
        c.state = State::PullFailed {
            until: world.now + secs(3),
        };
    }
}

fn begin(world: &mut World, pod: &Value, run: &Run, c: &mut Container) {
    let message = format!("Container image \"{}\" already present on machine", c.image);
    note(world, pod, run, c, "Normal", "Pulled", &message);
    create(world, pod, run, c);
}

fn create(world: &mut World, pod: &Value, run: &Run, c: &mut Container) {
    note(world, pod, run, c, "Normal", "Created", "Container created");
    note(world, pod, run, c, "Normal", "Started", "Container started");
    let since = world.now;
    let start = Start {
        pod,
        container: &c.name,
        image: &c.image,
        init: c.init,
        at: since,
        slot: run.slot,
    };
    let life = world.scenario.life(&start);
    c.state = State::Running {
        since,
        life,
        complained: None,
    };
}
