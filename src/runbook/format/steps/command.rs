//! Reading a step that runs a local command: a program and its arguments, each whole, and never a shell.

use super::Context;
use crate::runbook::format::fields::{Fields, Placed};
use crate::runbook::format::source::Source;
use crate::runbook::format::{CommandStep, EnvValue, StepKind};
use crate::runbook::template::Template;
use crate::runbook::value::Type;

/// Programs that take a script as an argument: what is filled in would be read as code.
const SHELLS: [&str; 9] = ["sh", "bash", "dash", "zsh", "ksh", "fish", "csh", "env", "eval"];
/// No command runs longer than this, in seconds.
const LONGEST: i64 = 3_600;

pub(super) fn read(source: &mut Source<'_>, context: &Context<'_>, fields: &mut Fields<'_, '_>) -> Option<StepKind> {
    if !fields.has("argv") {
        fields.missing(
            source,
            "argv",
            "such as [\"pg_dump\", \"--schema-only\", \"{{ database }}\"]",
        );
    }
    let words = fields.texts(source, "argv");
    let argv = read_argv(source, context, &words);
    let mut env = Vec::new();
    if let Some(table) = fields.table(source, "env") {
        for (name, text) in table.named_texts(source) {
            env.extend(variable(source, context, &name, &text));
        }
    }
    let timeout = fields.duration(source, "timeout");
    match &timeout {
        None if !fields.has("timeout") => {
            fields.missing(source, "timeout", "such as \"60s\": what does not end is ended then");
        }
        Some(given) if !(1..=LONGEST).contains(&given.value) => {
            source.problem(given.at, "the timeout is out of range", "from 1s to 1h");
        }
        _ => {}
    }
    let mut ok: Vec<i64> = Vec::new();
    for code in fields.ints(source, "ok") {
        if !(0..=255).contains(&code.value) {
            source.problem(code.at, format!("{} is no exit code", code.value), "from 0 to 255");
        }
        ok.push(code.value);
    }
    if ok.is_empty() {
        ok.push(0);
    }
    let reason = context.text(source, fields, "reason");
    Some(StepKind::Run(CommandStep {
        argv: argv?,
        env,
        timeout: timeout?.value,
        ok,
        reason,
    }))
}

fn read_argv(source: &mut Source<'_>, context: &Context<'_>, words: &[Placed<String>]) -> Option<Vec<Template>> {
    let first = words.first()?;
    let program = first.value.rsplit('/').next().unwrap_or_default();
    if first.value.contains("{{") || first.value.trim().is_empty() || first.value.contains(char::is_whitespace) {
        source.problem(
            first.at,
            format!("`{}` is no program", first.value),
            "its name, written out",
        );
    } else if SHELLS.contains(&program) {
        let expected = "the program itself: what a shell is given would be read as code";
        source.problem(first.at, format!("`{program}` runs other commands"), expected);
    }
    let mut argv = Vec::new();
    for word in words {
        let template = context.template(source, word, Type::Text)?;
        if template.expressions().next().is_some() && template.only_expression().is_none() {
            let expected = "plain text, or one `{{ expression }}` and nothing else";
            source.problem(word.at, "an argument is filled in whole", expected);
        }
        argv.push(template);
    }
    Some(argv)
}

fn variable(
    source: &mut Source<'_>,
    context: &Context<'_>,
    name: &Placed<String>,
    text: &Placed<String>,
) -> Option<(String, EnvValue)> {
    let letters = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let begins = name.value.starts_with(|c: char| c.is_ascii_uppercase());
    // These decide which code is loaded or which program is meant.
    let steers = name.value.starts_with("LD_") || ["PATH", "IFS", "HOME"].contains(&name.value.as_str());
    if !name.value.chars().all(letters) || !begins || steers {
        let message = format!("`{}` cannot be set for a command", name.value);
        source.problem(
            name.at,
            message,
            "capital letters, digits and _, and neither PATH, HOME nor LD_…",
        );
        return None;
    }
    let whole = Template::parse(&text.value).ok();
    let named = whole.as_ref().and_then(Template::only_expression);
    let named = named.map(|name| name.strip_prefix("params.").unwrap_or(name).to_owned());
    if let Some(secret) = named.filter(|name| context.params.iter().any(|p| p.secret && p.name == *name)) {
        return Some((name.value.clone(), EnvValue::Secret(secret)));
    }
    let template = context.template(source, text, Type::Text)?;
    Some((name.value.clone(), EnvValue::Text(template)))
}
