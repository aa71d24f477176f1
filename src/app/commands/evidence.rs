//! What a step of a run offers to look at: opened over its panel.

use super::{logs, objects};
use crate::app::layers::{Detail, DiffAgainst};
use crate::app::msg::{Effect, LogQuery, LogTarget};
use crate::app::{App, Layer};
use crate::model::ObjectRef;
use crate::runbook::format::Open;

/// Opens a view that a run offers as evidence.
pub(crate) fn open_evidence(
    app: &mut App,
    open: Open,
    pod: Option<ObjectRef>,
    workload: Option<ObjectRef>,
) -> Vec<Effect> {
    match open {
        Open::History | Open::Difference => match workload {
            Some(w) => {
                let effects = objects::open_history(app, w);
                if open == Open::Difference
                    && let Some(Layer::History(h)) = app.layers.last_mut()
                {
                    h.against = DiffAgainst::Current;
                }
                effects
            }
            None => app.say("no workload is concerned"),
        },
        Open::Logs | Open::PreviousLogs => match pod {
            Some(pod) => {
                let query = LogQuery {
                    target: LogTarget::Pod(pod.clone()),
                    container: None,
                    previous: open == Open::PreviousLogs,
                    tail: 200,
                };
                logs::open(app, pod.to_string(), query)
            }
            None => app.say("there is no pod to read logs of"),
        },
        Open::Incident => app.run_command("incident.open"),
        Open::Events | Open::Detail => match pod.filter(|_| open == Open::Events).or(workload) {
            Some(object) => {
                app.layers
                    .push(Layer::Detail(Detail::new(object, open == Open::Events)));
                Vec::new()
            }
            None => app.say("there is nothing to open"),
        },
    }
}
