//! The current step of a run as lines: what to read, what is seen beside what should be, what is done, and the keys.

use super::super::Look;
use crate::app::doc::Line;
use crate::app::{Activity, App, RunEntry, command};
use crate::runbook::cel::Answer;
use crate::runbook::engine::{
    Evidence, Message, OfferKind, ParamView, Phase, Status, StepState, TextBlock, Verdict, left_words,
};
use crate::runbook::format::{Open, ParamKind, Style as Prose};
use crate::runbook::said;
use crate::runbook::view::{StepView, View};
use crate::text;
use crate::theme::Role;

/// Lines of a command's output that stand in the panel.
const OUTPUT: usize = 12;
/// So much more the panel's second line says before what it waits for than the panel is wider than the step.
const STATE_TAKES: usize = 28;

fn spans(pieces: &[(String, Prose)]) -> Line {
    let role = |style: &Prose| match style {
        Prose::Code => Role::Code,
        Prose::Strong => Role::TextStrong,
        _ => Role::Text,
    };
    Line(
        pieces
            .iter()
            .map(|(t, s)| (text::clean(t).into_owned(), role(s)))
            .collect(),
    )
}

fn answer(a: &Answer) -> String {
    match a {
        Answer::Known(v) => text::clean(&v.to_string()).into_owned(),
        Answer::Unknown(why) => text::clean(why).into_owned(),
    }
}

fn prose(look: Look<'_>, blocks: &[TextBlock], out: &mut Vec<Line>) {
    for block in blocks {
        match block {
            TextBlock::Paragraph(p) => {
                // It begins with no label, below whose value the rest would stand.
                let mut line = Line::new(String::new(), Role::Text);
                line.0.extend(spans(p).0);
                out.push(line);
                out.push(Line::default());
            }
            TextBlock::Heading(p) => out.push(Line(spans(p).0.into_iter().map(|(t, _)| (t, Role::Heading)).collect())),
            TextBlock::Item { depth, number, text } => {
                let mark = number.map_or_else(|| look.symbols.dot.to_owned(), |n| format!("{n}."));
                let mut line = Line::new(format!("{}{mark} ", "  ".repeat(*depth)), Role::TextMuted);
                line.0.extend(spans(text).0);
                out.push(line);
            }
            TextBlock::Code(lines) => {
                let code = |l: &String| Line::new(format!("  {}", text::clean(l)), Role::Code);
                out.extend(lines.iter().map(code));
                out.push(Line::default());
            }
        }
    }
}

/// A row a fact: its mark, what it is, what is seen, and what should be seen.
fn evidence(look: Look<'_>, rows: &[Evidence], shows_condition: bool, width: usize, out: &mut Vec<Line>) {
    let labels = rows.iter().map(|e| text::width(&text::clean(&e.label))).max();
    let labels = labels.unwrap_or(0).clamp(6, if width >= 64 { 28 } else { 18 });
    // Values stand below one another where every row then still fits; else each takes what it needs.
    let widest = |of: fn(&Evidence) -> String| {
        let rows = rows.iter().filter(|e| e.label != "holds");
        rows.map(|e| text::width(&of(e))).max().unwrap_or(0)
    };
    let (values, wants) = (
        widest(|e| answer(&e.value)),
        widest(|e| text::clean(&e.expected).into_owned()),
    );
    let below = labels + values + wants + 11 <= width;
    for e in rows {
        let (mark, role) = verdict(look, &e.verdict);
        let start = Line::new(format!("{mark} "), role);
        // The condition of a gate says itself what should be.
        if e.label == "holds" && !e.expected.is_empty() {
            if shows_condition {
                out.push(start.and(text::clean(&e.expected).into_owned(), role));
            }
            continue;
        }
        let label = text::pad(&text::clean(&e.label), labels);
        let mut line = start.and(format!("{label}  "), Role::TextMuted);
        if e.expected.is_empty() {
            line = line.and(answer(&e.value), role);
        } else {
            let value = answer(&e.value);
            let value = if below { text::pad(&value, values) } else { value };
            line = line.and(value, role);
            line = line.and(format!("  want {}", text::clean(&e.expected)), Role::TextMuted);
        }
        out.push(line);
    }
}

fn message(message: &Message, out: &mut Vec<Line>) {
    if let Some(to) = &message.to {
        out.push(Line::new(format!("to {}", text::clean(to)), Role::TextMuted));
    }
    for line in message.text.lines() {
        let start = Line::new("│ ", Role::Accent);
        out.push(start.and(text::clean(line).into_owned(), Role::Text));
    }
    if message.gaps > 0 {
        let gaps = if message.gaps == 1 {
            "one fact is not known: fill in the ? before you send it".to_owned()
        } else {
            format!("{} facts are not known: fill in the ? before you send it", message.gaps)
        };
        out.push(Line::new(gaps, Role::Warn));
    }
}

/// What a parameter is called: the first sentence of its help, else its name.
fn label(p: &ParamView) -> &str {
    match p.help.as_deref() {
        Some(help) => help
            .split_once(". ")
            .map_or(help, |(first, _)| first)
            .trim_end_matches(['.', ':']),
        None => p.name.trim_start_matches("out."),
    }
}

/// What a parameter holds; of a target, as people say it.
fn given(p: &ParamView) -> String {
    let is_target = matches!(
        p.kind,
        ParamKind::Workload | ParamKind::Pod | ParamKind::Node | ParamKind::Thing(_)
    );
    match &p.value {
        Answer::Known(value) if is_target => text::clean(&said::target(&value.to_string())).into_owned(),
        value => answer(value),
    }
}

fn params(look: Look<'_>, step: &StepView, out: &mut Vec<Line>) {
    for p in &step.params {
        let label = label(p);
        let known = matches!(p.value, Answer::Known(_));
        out.push(
            Line::new(format!("{} ", look.symbols.pointer), Role::Accent)
                .and(format!("{}: ", text::clean(label)), Role::TextMuted)
                .and(format!("[ {} ]", given(p)), Role::TextStrong)
                .and(if p.set || !known { "" } else { "  proposed" }, Role::TextMuted),
        );
    }
}

/// How the change stands that the step asked for.
fn change(look: Look<'_>, entry: &RunEntry, activities: &[Activity], out: &mut Vec<Line>) {
    let changing = entry.run.changing();
    let Some(activity) = activities.iter().find(|a| Some(a.id) == changing) else {
        return;
    };
    out.push(Line::new(text::clean(&activity.title).into_owned(), Role::TextStrong));
    let role = if activity.worrying { Role::Error } else { Role::Info };
    let start = Line::new(format!("{} ", look.symbols.arrow), Role::Accent);
    out.push(start.and(text::clean(&activity.line).into_owned(), role));
}

/// What comes first: the text, or, where not all of it can be in sight, what is seen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum First {
    Text,
    Seen,
}

/// What is read, seen and done: it scrolls where it does not fit.
pub fn lines(
    app: &App,
    look: Look<'_>,
    entry: &RunEntry,
    v: &View,
    activities: &[Activity],
    width: usize,
    first: First,
) -> Vec<Line> {
    let mut out = Vec::new();
    let Some(step) = &v.step else {
        out.push(ended(app, v));
        return out;
    };
    if v.status.is_over() {
        out.push(ended(app, v));
        out.push(Line::default());
    }
    if first == First::Text {
        prose(look, &step.prose, &mut out);
    }
    // Where the file says in words what is wrong, the condition itself adds nothing.
    let shows_condition = !matches!(step.state, StepState::Failed(_));
    // Where not all of it is in sight, what Enter takes is.
    if first == First::Seen {
        out.extend(step.proposal.as_ref().map(|p| proposal(look, p)));
        params(look, step, &mut out);
    }
    evidence(look, &step.evidence, shows_condition, width, &mut out);
    if let Some(m) = &step.message {
        message(m, &mut out);
    }
    if first == First::Text {
        params(look, step, &mut out);
        out.extend(step.proposal.as_ref().map(|p| proposal(look, p)));
    }
    change(look, entry, activities, &mut out);
    let hidden = step.output.len().saturating_sub(OUTPUT);
    if hidden > 0 {
        out.push(Line::new(format!("  ({hidden} lines before)"), Role::TextMuted));
    }
    for line in step.output.iter().skip(hidden) {
        out.push(Line::new(format!("  {}", text::clean(line)), Role::Code));
    }
    // In the panel's second line it would be cut.
    let planned = matches!(entry.run.phase(), Phase::Confirming { .. });
    if !v.waiting.is_empty() && !planned && text::width(&v.waiting) > width.saturating_sub(STATE_TAKES) {
        out.push(Line::new("waits ", Role::Info).and(text::clean(&v.waiting).into_owned(), Role::Info));
    }
    if first == First::Seen {
        out.push(Line::default());
        prose(look, &step.prose, &mut out);
    }
    for n in &step.notes {
        out.push(Line::new("note  ", Role::TextMuted).and(text::clean(n).into_owned(), Role::Text));
    }
    while out.last().is_some_and(|line| line.text().is_empty()) {
        out.pop();
    }
    out
}

/// What went wrong, and what the last key came to: it stays in sight however long the text is.
pub fn trouble(look: Look<'_>, v: &View) -> Vec<Line> {
    let mut out = Vec::new();
    let Some(step) = &v.step else { return out };
    if let StepState::Failed(why) | StepState::Unknown(why) = &step.state {
        let mark = match step.state {
            StepState::Failed(_) => look.symbols.failed,
            _ => look.symbols.unknown,
        };
        out.push(Line::new(format!("{mark} "), Role::Error).and(text::clean(why).into_owned(), Role::Error));
    }
    if let Some(notice) = &v.notice {
        out.push(Line::new(text::clean(notice).into_owned(), Role::Warn));
    }
    out
}

/// What was seen, and what the step acts with: above its plan.
pub fn seen(look: Look<'_>, v: &View, width: usize) -> Vec<Line> {
    let mut out = Vec::new();
    if let Some(step) = &v.step {
        evidence(look, &step.evidence, true, width, &mut out);
        params(look, step, &mut out);
        out.extend(step.proposal.as_ref().map(|p| proposal(look, p)));
    }
    out
}

/// The same as close together as it fits: `ready 4,812   oldest 11m   Pods [ 5 ]`.
pub fn seen_packed(look: Look<'_>, v: &View, width: usize) -> Vec<Line> {
    let Some(step) = &v.step else { return Vec::new() };
    let mut pieces: Vec<(String, Role)> = Vec::new();
    for e in step.evidence.iter().filter(|e| e.label != "holds") {
        let (mark, role) = verdict(look, &e.verdict);
        let wanted = match &e.expected {
            want if want.is_empty() => String::new(),
            want => format!(" want {}", text::clean(want)),
        };
        let words = format!("{mark} {} {}{wanted}", text::clean(&e.label), answer(&e.value));
        pieces.push((words.trim().to_owned(), role));
    }
    for p in &step.params {
        let name = label(p);
        pieces.push((format!("{} [ {} ]", text::clean(name), given(p)), Role::TextStrong));
    }
    if pieces.is_empty() {
        pieces.extend(
            step.proposal
                .as_ref()
                .map(|p| (text::clean(p).into_owned(), Role::TextStrong)),
        );
    }
    let mut lines: Vec<Line> = Vec::new();
    for (words, role) in pieces {
        let used = lines.last().map_or(usize::MAX, |l| text::width(&l.text()));
        match lines.pop() {
            Some(line) if used.saturating_add(3 + text::width(&words)) <= width => {
                lines.push(line.and("   ", Role::Text).and(words, role));
            }
            last => {
                lines.extend(last);
                lines.push(Line::new(text::truncate_end(&words, width).into_owned(), role));
            }
        }
    }
    lines
}

fn proposal(look: Look<'_>, words: &str) -> Line {
    Line::new(format!("{} ", look.symbols.arrow), Role::Accent).and(text::clean(words).into_owned(), Role::TextStrong)
}

fn verdict<'a>(look: Look<'a>, verdict: &Verdict) -> (&'a str, Role) {
    match verdict {
        Verdict::Plain => (" ", Role::Text),
        Verdict::Good => (look.symbols.ok, Role::Ok),
        Verdict::Bad => (look.symbols.failed, Role::Error),
        Verdict::Unknown(_) => (look.symbols.unknown, Role::Warn),
    }
}

fn ended(app: &App, v: &View) -> Line {
    let key = app.keys_for("step.go");
    let undo = command::find("action.undo").filter(|c| v.undos > 0 && (c.when)(app).is_ok());
    let undo = undo.map_or_else(String::new, |c| {
        format!(" {} plans the undo of the newest change.", app.keys_for(c.id))
    });
    match &v.status {
        Status::Aborted(why) => Line::new(format!("Ended here: {}.{undo}", text::clean(why)), Role::Warn),
        Status::RolledBack => Line::new(format!("Rolled back. {key} closes it."), Role::Ok),
        Status::ChangesLeft(n) => Line::new(format!("Over: {}. {key} closes it.", left_words(*n)), Role::Warn),
        Status::HandedOver(to) => {
            let text = format!("Handed over to {}, who takes it up from the record.", text::clean(to));
            Line::new(text, Role::Info)
        }
        _ => Line::new(format!("The runbook is through. {key} closes it.{undo}"), Role::Ok),
    }
}

/// The ways on and the keys: they stay in sight however long the text is.
pub fn keys(app: &App, look: Look<'_>, entry: &RunEntry, v: &View, chosen: usize, width: usize) -> Vec<Line> {
    let mut out = Vec::new();
    let go = if look.symbols.ellipsis.is_ascii() {
        format!("{} ", app.keys_for("step.go"))
    } else {
        format!("{} ", app.key_signs("step.go"))
    };
    let blank = " ".repeat(text::width(&go));
    for (i, (_, label)) in crate::app::ways(entry).iter().enumerate() {
        let (mark, key, role) = if i == chosen {
            (look.symbols.pointer, go.as_str(), Role::Accent)
        } else {
            (" ", blank.as_str(), Role::Text)
        };
        out.push(Line::new(format!("{mark} {key}"), role).and(text::clean(label).into_owned(), role));
    }
    let key = |kind| {
        Some(match kind {
            OfferKind::Copy => app.key_signs("step.copy"),
            OfferKind::Retry => app.key_signs("step.retry"),
            OfferKind::SetParam => app.key_signs("step.edit"),
            OfferKind::Skip => app.key_signs("step.skip"),
            OfferKind::RollBack => app.key_signs("step.rollback"),
            OfferKind::HandOver => app.key_signs("run.hand_over"),
            OfferKind::Abort => app.key_signs("run.abort"),
            OfferKind::Continue | OfferKind::Choose(_) => return None,
        })
    };
    let mut others: Vec<(u8, String)> = v
        .offers
        .iter()
        .filter_map(|o| Some((rank(o.kind), format!("{} {}", key(o.kind)?, o.label))))
        .collect();
    if app.may_go_alone(entry).is_ok() {
        others.push((7, format!("{} go on alone", app.key_signs("step.alone"))));
    }
    others.sort();
    out.extend(packed(others.into_iter().map(|(_, text)| text), width));
    if let Some(step) = v.step.as_ref().filter(|_| !v.status.is_over()) {
        let opens = step
            .opens
            .iter()
            .map(|o| format!("{} {}", app.key_signs(opens_by(*o)), o.name()));
        out.extend(packed(opens, width));
    }
    out
}

/// Keys with their words, as many to a line as fit; none is broken.
fn packed(words: impl Iterator<Item = String>, width: usize) -> Vec<Line> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if text::width(line) + 3 + text::width(&word) <= width => {
                line.push_str("   ");
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines.into_iter().map(|line| Line::new(line, Role::TextMuted)).collect()
}

/// What is meant most often comes first.
const fn rank(kind: OfferKind) -> u8 {
    match kind {
        OfferKind::Copy => 0,
        OfferKind::Retry => 1,
        OfferKind::SetParam => 2,
        OfferKind::Skip => 3,
        OfferKind::RollBack => 4,
        OfferKind::Abort => 5,
        _ => 6,
    }
}

/// The command that opens it.
const fn opens_by(open: Open) -> &'static str {
    match open {
        Open::History => "evidence.history",
        Open::Difference => "evidence.difference",
        Open::Logs => "evidence.logs",
        Open::PreviousLogs => "evidence.previous_logs",
        Open::Events => "evidence.events",
        Open::Detail => "evidence.detail",
        Open::Incident => "incident.open",
    }
}
