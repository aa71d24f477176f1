//! What changes nodes, Jobs, configuration, Secrets, Services and canaries. What is not watched is read when it is asked
//! for, and chosen from a list; then a plan is asked for, as with everything else.

use super::typed::labels;
use super::{bulk, logs};
use crate::action::{Alphabet, NewValue, ObjectAsk, Offer, Offered, Request};
use crate::app::command::Command;
use crate::app::layers::{Choice, ObjectPrompt, Picker, PickerFor, Prompt, PromptFor};
use crate::app::msg::{Effect, Fetch, LogQuery, LogTarget};
use crate::app::{Access, App, Layer, Token};
use crate::keys::MUTATE;
use crate::model::{Kind, ObjectRef, Scope, Str};

/// What a drain may take where nobody says else.
const DRAIN_S: u64 = 15 * 60;

pub(super) const TABLE: &[Command] = &[
    Command {
        id: "action.set_resources",
        doc: "set what a container asks for and may use: CPU and memory",
        short: "resources",
        group: MUTATE,
        when: workload,
        run: set_resources,
    },
    Command {
        id: "action.set_config",
        doc: "set one key of a ConfigMap",
        short: "set config",
        group: MUTATE,
        when: in_namespace,
        run: |app| choose(app, Offer::ConfigKeys),
    },
    Command {
        id: "action.rotate_secret",
        doc: "give one key of a Secret another value, which is never shown",
        short: "rotate secret",
        group: MUTATE,
        when: in_namespace,
        run: |app| choose(app, Offer::SecretKeys),
    },
    Command {
        id: "action.replace_tls",
        doc: "replace certificate and key of a TLS Secret from two files",
        short: "replace TLS",
        group: MUTATE,
        when: in_namespace,
        run: |app| choose(app, Offer::TlsSecrets),
    },
    Command {
        id: "action.switch_service",
        doc: "switch a Service to the pods of other labels (blue and green)",
        short: "switch service",
        group: MUTATE,
        when: in_namespace,
        run: |app| choose(app, Offer::Services),
    },
    Command {
        id: "action.canary_weight",
        doc: "set the share of requests that a canary Ingress takes",
        short: "canary weight",
        group: MUTATE,
        when: in_namespace,
        run: |app| choose(app, Offer::Canaries),
    },
    Command {
        id: "action.run_template",
        doc: "run a Job from a template of the configuration",
        short: "run template",
        group: MUTATE,
        when: in_namespace,
        run: |app| choose(app, Offer::JobTemplates),
    },
    Command {
        id: "action.run_job",
        doc: "run the CronJob's Job now, and follow it",
        short: "run now",
        group: MUTATE,
        when: |app| of_kind(app, Kind::CronJob, "no CronJob is selected"),
        run: |app| {
            let what = ObjectAsk::CreateJob {
                template: None,
                image: None,
                args: Vec::new(),
            };
            plan(app, what)
        },
    },
    Command {
        id: "action.delete_job",
        doc: "delete the Job and its pods",
        short: "delete job",
        group: MUTATE,
        when: |app| {
            bulk::may(app, bulk::delete_job, |app| {
                of_kind(app, Kind::Job, "no Job is selected")
            })
        },
        run: |app| bulk::run(app, bulk::delete_job, |app| plan(app, ObjectAsk::DeleteJob)),
    },
    Command {
        id: "action.cordon",
        doc: "cordon the node, or uncordon it",
        short: "cordon",
        group: MUTATE,
        when: |app| bulk::may(app, bulk::cordon, node),
        run: |app| bulk::run(app, bulk::cordon, cordon),
    },
    Command {
        id: "action.drain",
        doc: "cordon the node and evict its pods, one at a time",
        short: "drain",
        group: MUTATE,
        when: node,
        run: |app| {
            plan(
                app,
                ObjectAsk::Drain {
                    unmanaged: false,
                    empty_dirs: false,
                    within_s: DRAIN_S,
                },
            )
        },
    },
    Command {
        id: "job.logs",
        doc: "follow the logs of the Job's pods",
        short: "logs",
        group: "Logs",
        when: |app| match app.subject() {
            Some(s) if s.kind == Kind::Job => Ok(()),
            _ => Err("no Job is selected".to_owned()),
        },
        run: job_logs,
    },
    Command {
        id: "action.stop",
        doc: "stop the drain that is under way before its next pod",
        short: "stop",
        group: MUTATE,
        when: stoppable,
        run: stop,
    },
];

fn workload(app: &App) -> Result<(), String> {
    app.may_mutate()?;
    let w = app
        .subject_workload()
        .ok_or("no Deployment, StatefulSet or DaemonSet is selected")?;
    app.may_mutate_object(w.kind)
}

fn of_kind(app: &App, kind: Kind, none: &str) -> Result<(), String> {
    app.may_mutate()?;
    app.subject()
        .filter(|s| s.kind == kind)
        .ok_or_else(|| none.to_owned())?;
    app.may_mutate_object(kind)
}

fn node(app: &App) -> Result<(), String> {
    of_kind(app, Kind::Node, "no node is selected (9 lists them)")
}

/// Where to look: the namespace of what is at hand, else the one that is looked at.
fn namespace(app: &App) -> Option<Str> {
    let subject = app.subject().map(|s| s.namespace).filter(|n| !n.is_empty());
    let scope = || match app.place().map(|p| &p.scope) {
        Some(Scope::Namespaces(list)) => list.first().map(|n| n.as_str().into()),
        _ => None,
    };
    subject.or_else(scope)
}

fn in_namespace(app: &App) -> Result<(), String> {
    app.may_mutate()?;
    namespace(app).map(|_| ()).ok_or_else(|| {
        let key = app.keys_for("namespace.pick");
        format!("select something in the namespace first, or choose one ({key})")
    })
}

/// Also while the cluster cannot be reached: stopping sends nothing.
fn stoppable(app: &App) -> Result<(), String> {
    if app.access != Access::Operator {
        return app.may_mutate();
    }
    let live = app.activities.iter().any(|a| a.is_live() && a.request.is_drain());
    live.then_some(())
        .ok_or_else(|| "nothing that can be stopped is under way".to_owned())
}

fn stop(app: &mut App) -> Vec<Effect> {
    let live = app
        .activities
        .iter()
        .rev()
        .find(|a| a.is_live() && a.request.is_drain())
        .map(|a| a.id);
    let Some(id) = live else { return Vec::new() };
    app.say("it stops before the next pod; the node stays cordoned");
    vec![Effect::Stop(id)]
}

fn job_logs(app: &mut App) -> Vec<Effect> {
    let Some(job) = app.subject() else { return Vec::new() };
    let target = LogTarget::Labels {
        namespace: job.namespace.clone(),
        // The label that every server writes; `batch.kubernetes.io/job-name` came with 1.27.
        selector: format!("job-name={}", job.name),
    };
    let query = LogQuery {
        target,
        container: None,
        previous: false,
        tail: 200,
    };
    logs::open(app, job.to_string(), query)
}

fn plan(app: &mut App, ask: ObjectAsk) -> Vec<Effect> {
    match app.subject() {
        Some(target) => app.open_plan(Request::Object { target, ask }, None),
        None => Vec::new(),
    }
}

fn cordon(app: &mut App) -> Vec<Effect> {
    let cordoned = app
        .subject()
        .and_then(|s| app.world.nodes.get(&s.key()))
        .is_some_and(|n| n.cordoned);
    plan(
        app,
        if cordoned {
            ObjectAsk::Uncordon
        } else {
            ObjectAsk::Cordon
        },
    )
}

fn set_resources(app: &mut App) -> Vec<Effect> {
    let Some(w) = app.subject_workload() else {
        return Vec::new();
    };
    let target = w.meta.object(w.kind);
    let containers: Vec<Choice> = w
        .containers
        .iter()
        .map(|c| Choice {
            value: c.name.to_string(),
            label: c.name.to_string(),
            hint: if c.init { "init".to_owned() } else { String::new() },
        })
        .collect();
    if let [one] = containers.as_slice() {
        return ask_resources(app, target, &one.value);
    }
    app.layers.push(Layer::Picker(Picker::new(
        "Set the resources of",
        PickerFor::ResourcesContainer(target),
        containers,
    )));
    Vec::new()
}

pub(super) fn ask_resources(app: &mut App, target: ObjectRef, container: &str) -> Vec<Effect> {
    let label = format!("Resources of {container} in {target}");
    let hint = "cpu=250m:1 memory=256Mi:1Gi is request:limit; an empty side stays, - takes it away";
    let what = ObjectPrompt::Resources {
        container: container.to_owned(),
    };
    prompt(app, target, what, label, hint, "")
}

fn prompt(
    app: &mut App,
    target: ObjectRef,
    what: ObjectPrompt,
    label: impl Into<String>,
    hint: impl Into<String>,
    text: &str,
) -> Vec<Effect> {
    let mut prompt = Prompt::new(PromptFor::Object { target, what }, label, hint, "");
    prompt.field.set(text);
    app.layers.push(Layer::Prompt(prompt));
    Vec::new()
}

/// Opens the list and asks for what stands in it.
fn choose(app: &mut App, offer: Offer) -> Vec<Effect> {
    let Some(namespace) = namespace(app) else {
        return Vec::new();
    };
    let title = match offer {
        Offer::ConfigKeys => "Set which key of a ConfigMap",
        Offer::SecretKeys => "Rotate which key of a Secret",
        Offer::TlsSecrets => "Replace the certificate of",
        Offer::Services => "Switch which Service",
        Offer::Canaries => "Set the weight of which canary",
        Offer::JobTemplates => "Run which template",
    };
    let token = app.next_token();
    let purpose = PickerFor::Offer {
        offer,
        token,
        offered: Vec::new(),
    };
    let mut picker = Picker::new(&format!("{title}  ({namespace})"), purpose, Vec::new());
    "reading".clone_into(&mut picker.note);
    app.layers.push(Layer::Picker(picker));
    vec![Effect::Fetch(token, Fetch::Offers(offer, namespace))]
}

/// The list was read: the picker that waits for it shows it.
pub(crate) fn offered(picker: &mut Picker, answer: Result<Vec<Offered>, String>) {
    let PickerFor::Offer { offer, offered, .. } = &mut picker.purpose else {
        return;
    };
    let found = match answer {
        Ok(found) => found,
        Err(why) => {
            picker.note = why;
            return;
        }
    };
    picker.choices = found
        .iter()
        .enumerate()
        .map(|(at, o)| Choice {
            value: at.to_string(),
            label: name(*offer, o),
            hint: o.hint.clone(),
        })
        .collect();
    let note = match (found.is_empty(), *offer) {
        (false, _) => "",
        (true, Offer::Canaries) => "no Ingress here is marked as canary",
        (true, Offer::JobTemplates) => "no templates: put NAME.yaml with a Job into the folder jobs beside config.toml",
        (true, _) => "there is none here",
    };
    note.clone_into(&mut picker.note);
    *offered = found;
}

fn name(offer: Offer, o: &Offered) -> String {
    match offer {
        Offer::ConfigKeys | Offer::SecretKeys => format!("{} / {}", o.object.name, o.key),
        Offer::JobTemplates => o.key.clone(),
        _ => o.object.name.to_string(),
    }
}

/// One was chosen: the next question, or the plan.
pub(super) fn chosen(app: &mut App, offer: Offer, picked: Offered) -> Vec<Effect> {
    let Offered {
        object: target,
        key,
        now,
        ..
    } = picked;
    match offer {
        Offer::ConfigKeys => {
            let Some(seen) = now else {
                return app.complain(format!(
                    "{key} is not edited here: it has several lines, or looks like a credential"
                ));
            };
            let (label, hint) = (format!("{key} in {target}"), format!("now {seen}"));
            let what = ObjectPrompt::Config {
                key,
                seen: Some(seen.clone()),
            };
            prompt(app, target, what, label, hint, &seen)
        }
        Offer::SecretKeys => {
            let choice = |value: &str, label: &str, hint: &str| Choice {
                value: value.to_owned(),
                label: label.to_owned(),
                hint: hint.to_owned(),
            };
            let choices = vec![
                choice("letters 44", "make 44 letters and digits", "a password; safe in URLs"),
                choice("hex 64", "make 64 hexadecimal digits", "a signing key of 256 bits"),
                choice("url-safe 64", "make 64 characters of base64url", "a signing key"),
                choice("typed", "type or paste it", "nothing of it is shown"),
            ];
            let title = format!("New value of {key} in {target}");
            app.layers.push(Layer::Picker(Picker::new(
                &title,
                PickerFor::SecretValue { target, key },
                choices,
            )));
            Vec::new()
        }
        Offer::TlsSecrets => {
            let label = format!("Certificate and key for {target}");
            let hint = "two absolute paths of PEM files: /path/fullchain.pem /path/privkey.pem";
            prompt(app, target, ObjectPrompt::Tls, label, hint, "")
        }
        Offer::Services => {
            let words = now.unwrap_or_default();
            let seen = labels(&words).unwrap_or_default();
            let (label, hint) = (
                format!("Labels of the other side of {target}"),
                format!("now {words}; write what differs: version=green"),
            );
            prompt(app, target, ObjectPrompt::Labels { seen }, label, hint, "")
        }
        Offer::Canaries => {
            let seen = now.and_then(|n| n.parse().ok()).unwrap_or(0);
            let (label, hint) = (
                format!("Weight of {target}"),
                format!("now {seen}; from 0 (nobody) to 100 (everybody)"),
            );
            prompt(app, target, ObjectPrompt::Weight { seen }, label, hint, "")
        }
        Offer::JobTemplates => {
            let label = format!("Image for {key}");
            let what = ObjectPrompt::Image { template: key };
            prompt(
                app,
                target,
                what,
                label,
                "registry/name:tag; empty takes the template's",
                "",
            )
        }
    }
}

/// How the new value of a Secret's key comes to be.
pub(super) fn value_chosen(app: &mut App, target: ObjectRef, key: String, value: &str) -> Vec<Effect> {
    let made = value.split_once(' ').and_then(|(name, length)| {
        let alphabet = Alphabet::ALL.into_iter().find(|a| a.name() == name)?;
        Some(NewValue::Generate {
            length: length.parse().ok()?,
            alphabet,
        })
    });
    if let Some(value) = made {
        let ask = ObjectAsk::RotateSecret { key, value };
        return app.open_plan(Request::Object { target, ask }, None);
    }
    let label = format!("New value of {key} in {target}");
    let hint = "nothing of it is shown; a paste is one line";
    prompt(app, target, ObjectPrompt::Secret { key }, label, hint, "")
}

/// Who begins to type or paste where a Secret's new value is chosen gives it: it goes where nothing of it is shown, and
/// filters nothing.
pub(crate) fn hide_what_is_typed(app: &mut App) {
    let Some(Layer::Picker(Picker {
        purpose: PickerFor::SecretValue { target, key },
        ..
    })) = app.layers.last()
    else {
        return;
    };
    let (target, key) = (target.clone(), key.clone());
    app.layers.pop();
    value_chosen(app, target, key, "typed");
}

/// The picker of this token, wherever it lies.
pub(crate) fn awaits(picker: &Picker, token: Token) -> bool {
    matches!(&picker.purpose, PickerFor::Offer { token: t, .. } if *t == token)
}
