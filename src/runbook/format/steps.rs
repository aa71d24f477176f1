//! Reading one step block.

mod command;
mod people;
mod wait;

use super::fields::{Fields, Placed};
use super::read::{Part, Target, slug};
use super::source::Source;
use super::{ActionName, ActionStep, Case, Look, OnFail, Open, Output, Param, Step, StepKind};
use crate::runbook::cel::{self, nearest};
use crate::runbook::template::Template;
use crate::runbook::value::Type;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// An argument of an action: its name, type, and whether it must be given.
type Arg = (&'static str, Type, bool);

/// Every action, with its arguments.
const ACTIONS: &[(&str, ActionName, &[Arg])] = &[
    ("scale", ActionName::Scale, &[("replicas", Type::Int, true)]),
    (
        "hpa-bounds",
        ActionName::HpaBounds,
        &[("min", Type::Int, true), ("max", Type::Int, true)],
    ),
    ("restart", ActionName::Restart, &[]),
    ("roll-back", ActionName::Rollback, &[("revision", Type::Int, true)]),
    (
        "set-image",
        ActionName::SetImage,
        &[("container", Type::Text, true), ("image", Type::Text, true)],
    ),
    ("pause", ActionName::Pause, &[]),
    ("resume", ActionName::Resume, &[]),
    ("delete-pod", ActionName::DeletePod, &[]),
    ("evict-pod", ActionName::EvictPod, &[]),
    ("vacuum", ActionName::Vacuum, &[("analyze", Type::Bool, false)]),
    ("vacuum-database", ActionName::VacuumDatabase, &[]),
    ("analyze", ActionName::Analyze, &[]),
    ("reindex", ActionName::Reindex, &[]),
    ("cancel-query", ActionName::CancelQuery, &[]),
    ("terminate-session", ActionName::TerminateSession, &[]),
    (
        "retry-jobs",
        ActionName::RetryJobs,
        &[("named", Type::Text, false), ("failed_with", Type::Text, false)],
    ),
    ("pause-queue", ActionName::PauseQueue, &[]),
    ("resume-queue", ActionName::ResumeQueue, &[]),
    ("delete-keys", ActionName::DeleteKeys, &[("prefix", Type::Text, true)]),
    ("renew-certificate", ActionName::Renew, &[]),
    (
        "silence-alert",
        ActionName::Silence,
        &[("minutes", Type::Int, true), ("comment", Type::Text, true)],
    ),
    (
        "set-resources",
        ActionName::SetResources,
        &[
            ("container", Type::Text, true),
            ("cpu_request", Type::Text, false),
            ("cpu_limit", Type::Text, false),
            ("memory_request", Type::Text, false),
            ("memory_limit", Type::Text, false),
        ],
    ),
    (
        "set-config",
        ActionName::SetConfig,
        &[("key", Type::Text, true), ("value", Type::Text, true)],
    ),
    ("cordon", ActionName::Cordon, &[]),
    ("uncordon", ActionName::Uncordon, &[]),
    (
        "drain",
        ActionName::Drain,
        &[
            ("minutes", Type::Int, false),
            ("empty_dirs", Type::Bool, false),
            ("unmanaged", Type::Bool, false),
        ],
    ),
    (
        "create-job",
        ActionName::CreateJob,
        &[
            ("template", Type::Text, false),
            ("image", Type::Text, false),
            ("args", Type::Text, false),
        ],
    ),
    ("delete-job", ActionName::DeleteJob, &[]),
    (
        "canary-weight",
        ActionName::CanaryWeight,
        &[("weight", Type::Int, true)],
    ),
    (
        "switch-service",
        ActionName::SwitchService,
        &[("labels", Type::Text, true)],
    ),
    (
        "rotate-secret",
        ActionName::RotateSecret,
        &[
            ("key", Type::Text, true),
            ("length", Type::Int, false),
            ("alphabet", Type::Text, false),
        ],
    ),
    (
        "replace-tls",
        ActionName::ReplaceTls,
        &[("certificate", Type::Text, true), ("key", Type::Text, true)],
    ),
];

const KINDS: &str = "note, diagnose, gate, action, wait, branch, ask, approve, notify or run";

impl ActionName {
    /// The name in files, in the registry of actions and in the journal.
    pub fn name(self) -> &'static str {
        ACTIONS
            .iter()
            .find(|(_, action, _)| *action == self)
            .map_or("", |(name, ..)| name)
    }
}

/// What the steps of one file are checked against.
pub(super) struct Context<'a> {
    pub names: Arc<BTreeMap<String, Type>>,
    /// The ids of all steps, in order.
    pub ids: Vec<String>,
    /// The step being read.
    pub index: usize,
    pub params: &'a [Param],
    /// What the `ask` steps so far take as answers.
    pub answers: Vec<Param>,
}

impl Context<'_> {
    fn check(&self, source: &mut Source<'_>, text: &str, at: usize, want: Type) {
        if self.reveals(source, text, at) {
            return;
        }
        match cel::check(text, &self.names) {
            Ok(kind) if want.accepts(kind) => {}
            Ok(kind) => source.problem(at, format!("the expression gives {}", kind.name()), want.name()),
            Err(flaw) => source.flaw(at, flaw),
        }
    }

    fn condition(&self, source: &mut Source<'_>, text: Placed<String>) -> String {
        self.check(source, &text.value, text.at, Type::Bool);
        text.value
    }

    /// Whether an expression is the name of a secret parameter, which it then may not be; says so.
    fn reveals(&self, source: &mut Source<'_>, text: &str, at: usize) -> bool {
        let named = text.strip_prefix("params.").unwrap_or(text);
        let secret = self.params.iter().any(|param| param.secret && param.name == named);
        if secret {
            let expected = "it only as the value of a variable in `env` of a run step";
            source.problem(at, format!("`{named}` is secret"), expected);
        }
        secret
    }

    pub fn check_template(&self, source: &mut Source<'_>, template: &Template, at: usize, want: Type) {
        let whole = template.only_expression().is_some();
        if !whole && want != Type::Text {
            source.problem(
                at,
                "a text stands here",
                format!("{}, or one `{{{{ expression }}}}` that gives it", want.name()),
            );
        }
        for (text, offset) in template.expressions() {
            self.check(source, text, at + offset, if whole { want } else { Type::Text });
        }
    }

    fn template(&self, source: &mut Source<'_>, text: &Placed<String>, want: Type) -> Option<Template> {
        match Template::parse(&text.value) {
            Ok(template) => {
                self.check_template(source, &template, text.at, want);
                Some(template)
            }
            Err(flaw) => {
                source.flaw(text.at, flaw);
                None
            }
        }
    }

    fn text(&self, source: &mut Source<'_>, fields: &mut Fields<'_, '_>, key: &'static str) -> Option<Template> {
        let text = fields.text(source, key)?;
        self.template(source, &text, Type::Text)
    }

    /// `out.NAME`, if that name can be given to an output of this step.
    fn output_name(&self, source: &mut Source<'_>, name: &Placed<String>) -> Option<String> {
        let full = format!("out.{}", name.value);
        if !is_name(&name.value) {
            let message = format!("`{}` cannot name an output", name.value);
            source.problem(name.at, message, "lower-case letters, digits and _");
            return None;
        }
        if self.names.contains_key(&full) {
            source.problem(name.at, format!("`{full}` is given twice"), "another name");
            return None;
        }
        Some(full)
    }

    /// From the next step on this can be named.
    fn add_output(&mut self, name: &str, kind: Type) {
        Arc::make_mut(&mut self.names).insert(name.to_owned(), kind);
    }

    /// Going back is refused: a run that can circle is one that nobody can hand over.
    fn goto(&self, source: &mut Source<'_>, target: Target) -> String {
        match self.ids.iter().position(|id| *id == target.value) {
            Some(index) if index > self.index => {}
            Some(_) => source.problem(
                target.at,
                format!("`{}` is not a later step", target.value),
                "a step below this one",
            ),
            None => {
                let expected = nearest(&target.value, self.ids.iter()).map_or_else(
                    || format!("one of {}", self.ids.join(", ")),
                    |near| format!("perhaps `{near}`"),
                );
                source.problem(target.at, format!("there is no step `{}`", target.value), expected);
            }
        }
        target.value
    }
}

/// A name that parameters and outputs can have.
pub(super) fn is_name(text: &str) -> bool {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.chars().all(letters) && text.starts_with(|c: char| c.is_ascii_lowercase())
}

pub(super) fn read_step(
    source: &mut Source<'_>,
    context: &mut Context<'_>,
    part: &Part,
    range: Range<usize>,
) -> Option<Step> {
    let text = source.text.get(range.clone())?;
    let table = Fields::parse(source, text, range.start)?;
    let mut fields = Fields::new(&table, range.start, range.start);
    let kind = fields.required_text(source, "kind", KINDS)?;
    let required = fields.flag(source, "required", true);
    let when = fields.text(source, "when").map(|text| context.condition(source, text));
    let look = fields
        .tables(source, "look")
        .into_iter()
        .filter_map(|row| read_look(source, context, row))
        .collect();
    let opens = read_opens(source, &mut fields);
    let kind = match kind.value.as_str() {
        "note" => Some(StepKind::Note {
            needs_text: fields.flag(source, "needs_text", false),
        }),
        "diagnose" => Some(StepKind::Diagnose),
        "gate" => read_gate(source, context, &mut fields),
        "action" => read_action(source, context, &mut fields),
        "wait" => wait::read(source, context, &mut fields),
        "branch" => read_branch(source, context, &mut fields),
        "ask" => people::read_ask(source, context, &mut fields),
        "approve" => people::read_approve(source, context, &mut fields),
        "notify" => people::read_notify(source, context, &mut fields),
        "run" => command::read(source, context, &mut fields),
        other => {
            source.problem(kind.at, format!("there is no kind `{other}`"), KINDS);
            return None;
        }
    };
    let is_run = matches!(kind, Some(StepKind::Run(_)));
    let outputs = read_outputs(source, context, &mut fields, is_run);
    fields.finish(source, "this step");
    let (line, _) = source.place(part.at);
    let (id, title, prose) = (slug(&part.title), part.title.clone(), part.blocks.clone());
    Some(Step {
        id,
        title,
        prose,
        kind: kind?,
        required,
        when,
        look,
        opens,
        outputs,
        line,
    })
}

/// `outputs = { name = "expression" }`. The expressions may also speak of what the step itself came to.
fn read_outputs(
    source: &mut Source<'_>,
    context: &mut Context<'_>,
    fields: &mut Fields<'_, '_>,
    of_command: bool,
) -> Vec<Output> {
    let Some(table) = fields.table(source, "outputs") else {
        return Vec::new();
    };
    let mut names = (*context.names).clone();
    names.insert("result.text".to_owned(), Type::Text);
    if of_command {
        names.insert("result.exit".to_owned(), Type::Int);
        names.insert("result.line".to_owned(), Type::Text);
    }
    let names = Arc::new(names);
    let mut outputs = Vec::new();
    for (name, text) in table.named_texts(source) {
        let Some(name) = context.output_name(source, &name) else {
            continue;
        };
        if context.reveals(source, &text.value, text.at) {
            continue;
        }
        match cel::check(&text.value, &names) {
            Ok(kind) => {
                context.add_output(&name, kind);
                outputs.push(Output {
                    name,
                    expression: text.value,
                    kind,
                });
            }
            Err(flaw) => source.flaw(text.at, flaw),
        }
    }
    outputs
}

fn read_look(source: &mut Source<'_>, context: &Context<'_>, mut fields: Fields<'_, '_>) -> Option<Look> {
    let label = fields.required_text(source, "label", "a word or two");
    let value = fields.required_text(source, "value", "such as \"{{ rollout.ready }}\"");
    let value = value.and_then(|text| context.template(source, &text, Type::Text));
    let expect = fields
        .text(source, "expect")
        .map(|text| context.condition(source, text));
    let expected = context.text(source, &mut fields, "expected");
    fields.finish(source, "a row of evidence");
    Some(Look {
        label: label?.value,
        value: value?,
        expect,
        expected,
    })
}

fn read_opens(source: &mut Source<'_>, fields: &mut Fields<'_, '_>) -> Vec<Open> {
    let mut opens = Vec::new();
    for text in fields.texts(source, "opens") {
        if let Some((_, open)) = Open::ALL.iter().find(|(name, _)| *name == text.value) {
            opens.push(*open);
        } else {
            let names: Vec<&str> = Open::ALL.iter().map(|(name, _)| *name).collect();
            source.problem(
                text.at,
                format!("there is no view `{}`", text.value),
                format!("one of {}", names.join(", ")),
            );
        }
    }
    opens
}

fn required_condition(
    source: &mut Source<'_>,
    context: &Context<'_>,
    fields: &mut Fields<'_, '_>,
    key: &'static str,
) -> Option<String> {
    let text = fields.required_text(source, key, "a condition over facts")?;
    Some(context.condition(source, text))
}

fn read_gate(source: &mut Source<'_>, context: &Context<'_>, fields: &mut Fields<'_, '_>) -> Option<StepKind> {
    let expect = required_condition(source, context, fields, "expect");
    let why = context.text(source, fields, "why");
    let on_fail = match fields.text(source, "on_fail") {
        None => OnFail::Stop,
        Some(text) if text.value == "stop" => OnFail::Stop,
        Some(text) => {
            if let Some(id) = text.value.strip_prefix("goto:") {
                let at = text.at + 5 + (id.len() - id.trim_start().len());
                OnFail::Goto(context.goto(
                    source,
                    Placed {
                        value: id.trim().to_owned(),
                        at,
                    },
                ))
            } else {
                source.problem(
                    text.at,
                    format!("`{}` is no way to go on", text.value),
                    "\"stop\" or \"goto: a-later-step\"",
                );
                OnFail::Stop
            }
        }
    };
    Some(StepKind::Gate {
        expect: expect?,
        why,
        on_fail,
    })
}

fn read_action(source: &mut Source<'_>, context: &Context<'_>, fields: &mut Fields<'_, '_>) -> Option<StepKind> {
    let names = || ACTIONS.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join(", ");
    let name = fields.required_text(source, "action", &names());
    let target = fields.required_text(source, "target", "such as \"{{ workload }}\"");
    let target = target.and_then(|text| context.template(source, &text, Type::Text));
    let reason = context.text(source, fields, "reason");
    let (mut verify_for, mut soak) = (None, None);
    if let Some(mut table) = fields.table(source, "verify") {
        verify_for = table.duration(source, "for").map(|seconds| seconds.value);
        soak = table.duration(source, "soak").map(|seconds| seconds.value);
        table.finish(source, "`verify`");
    }
    let name = name?;
    let Some((_, action, args)) = ACTIONS.iter().find(|(known, ..)| *known == name.value) else {
        source.problem(
            name.at,
            format!("there is no action `{}`", name.value),
            format!("one of {}", names()),
        );
        // Its arguments are unknown too, so the keys are left unjudged.
        return None;
    };
    let mut given = Vec::new();
    for (arg, kind, required) in *args {
        match fields.template_text(source, arg) {
            Some(text) => given.extend(context.template(source, &text, *kind).map(|template| (*arg, template))),
            None if *required && !fields.has(arg) => fields.missing(source, arg, kind.name()),
            None => {}
        }
    }
    Some(StepKind::Action(ActionStep {
        action: *action,
        target: target?,
        args: given,
        reason,
        verify_for,
        soak,
    }))
}

fn read_branch(source: &mut Source<'_>, context: &Context<'_>, fields: &mut Fields<'_, '_>) -> Option<StepKind> {
    let mut cases = Vec::new();
    if !fields.has("cases") {
        fields.missing(source, "cases", "one or more [[cases]] with `if` and `goto`");
    }
    for mut row in fields.tables(source, "cases") {
        let condition = required_condition(source, context, &mut row, "if");
        let label = row.text(source, "label").map(|text| text.value);
        let goto = row
            .required_text(source, "goto", "a later step")
            .map(|target| context.goto(source, target));
        row.finish(source, "a case");
        if let (Some(condition), Some(goto)) = (condition, goto) {
            cases.push(Case { condition, label, goto });
        }
    }
    let otherwise = fields.text(source, "else").map(|target| context.goto(source, target));
    (!cases.is_empty()).then_some(StepKind::Branch { cases, otherwise })
}
