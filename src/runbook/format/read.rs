//! Reading a whole file: front matter, headings, prose and step blocks.

use super::fields::{Fields, Placed};
use super::prose::Builder;
use super::source::{Problem, Source};
use super::steps::{Context, read_step};
use super::{Block, Runbook, Section, params};
use crate::runbook::cel;
use crate::runbook::facts;
use crate::runbook::template::Template;
use crate::runbook::value::Type;
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::ops::Range;
use std::time::Duration;

/// How long one file may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest file that is read, in bytes.
const MAX_FILE: usize = 256 << 10;

/// Reads a runbook.
///
/// # Errors
/// Every problem of the file, in the order of its lines.
pub fn parse(text: &str, file: &str) -> Result<Runbook, Vec<Problem>> {
    let (owned, name) = (text.to_owned(), file.to_owned());
    // One large stack for the whole file: its expressions are checked there too, and no nesting can overflow it.
    cel::on_large_stack(PATIENCE, move || parse_here(&owned, &name)).unwrap_or_else(|why| {
        let (file, message) = (file.to_owned(), format!("the file cannot be read: {why}"));
        Err(vec![Problem {
            file,
            line: 1,
            column: 1,
            message,
            expected: "a simpler file".to_owned(),
        }])
    })
}

fn parse_here(text: &str, file: &str) -> Result<Runbook, Vec<Problem>> {
    let mut source = Source::new(text, file);
    let runbook = read(&mut source);
    let mut problems = source.problems;
    problems.sort();
    problems.dedup();
    match runbook {
        Some(runbook) if problems.is_empty() => Ok(runbook),
        _ => Err(problems),
    }
}

/// A heading as an id: `Are workers alive?` is `are-workers-alive`.
pub fn slug(heading: &str) -> String {
    let mut id = String::new();
    for letter in heading.chars().flat_map(char::to_lowercase) {
        if letter.is_alphanumeric() {
            id.push(letter);
        } else if !id.is_empty() && !id.ends_with('-') {
            id.push('-');
        }
    }
    id.trim_end_matches('-').to_owned()
}

fn read(source: &mut Source<'_>) -> Option<Runbook> {
    let text = source.text;
    if text.len() > MAX_FILE {
        source.problem(
            0,
            format!("the file has {} bytes", text.len()),
            format!("at most {MAX_FILE}"),
        );
        return None;
    }
    // Escape sequences and text that runs backwards have no place in what an operator is to trust.
    if let Some((at, letter)) = text.char_indices().find(|(_, letter)| is_unprintable(*letter)) {
        source.problem(
            at,
            format!("there is a control character U+{:04X}", u32::from(letter)),
            "plain text",
        );
        return None;
    }
    let (front, body) = front_matter(source)?;
    let table = Fields::parse(source, text.get(front.clone())?, front.start)?;
    let mut fields = Fields::new(&table, front.start, front.start);
    let id = fields.required_text(source, "id", "the file's name, such as \"stalled-rollout\"");
    let title = fields.required_text(source, "title", "a few words");
    let owner = fields.required_text(source, "owner", "the team that keeps it true");
    let use_when = fields.required_text(source, "use_when", "one sentence");
    let do_not_use_when = fields.text(source, "do_not_use_when");
    let escalation = fields.text(source, "escalation");
    let answers = fields.texts(source, "answers");
    let verified = verified(source, &mut fields);
    let mut params = match fields.table(source, "params") {
        Some(table) => params::read(source, &table),
        None => Vec::new(),
    };
    fields.finish(source, "the front matter");
    if let Some(id) = &id
        && id.value != slug(&id.value)
    {
        source.problem(
            id.at,
            format!("`{}` is not an id", id.value),
            format!("`{}`", slug(&id.value)),
        );
    }
    let known = params.iter().filter(|param| !param.secret);
    let names = facts::names_with(known.map(|param| (param.name.as_str(), param.kind.value_type())));
    let parts = sections(source, body);
    let ids: Vec<String> = parts
        .iter()
        .filter(|part| part.step.is_some())
        .map(|part| slug(&part.title))
        .collect();
    let mut context = Context {
        names,
        ids,
        index: 0,
        params: &params,
        answers: Vec::new(),
    };
    let (mut intro, mut steps, mut appendix) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        for (template, at) in &part.templates {
            context.check_template(source, template, *at, Type::Text);
        }
        match part.step {
            Some(ref range) => {
                if context
                    .ids
                    .iter()
                    .take(context.index)
                    .any(|id| *id == slug(&part.title))
                {
                    source.problem(
                        part.at,
                        format!("two steps are called `{}`", slug(&part.title)),
                        "another heading",
                    );
                }
                steps.extend(read_step(source, &mut context, &part, range.clone()));
                context.index += 1;
            }
            None if part.level < 2 => intro.extend(part.blocks),
            None => appendix.push(Section {
                title: part.title,
                prose: part.blocks,
            }),
        }
    }
    let (none, asked) = (context.ids.is_empty(), context.answers);
    if none {
        source.problem(
            text.len(),
            "there is no step",
            "a heading with a ```step block under it",
        );
    }
    let digest = Sha256::digest(text.as_bytes())
        .iter()
        .fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
    params.extend(asked);
    Some(Runbook {
        id: id?.value,
        title: title?.value,
        owner: owner?.value,
        verified,
        answers: answers.into_iter().map(|answer| answer.value).collect(),
        use_when: use_when?.value,
        do_not_use_when: do_not_use_when.map(|text| text.value),
        escalation: escalation.map(|text| text.value),
        params,
        intro,
        steps,
        appendix,
        file: source.file.to_owned(),
        digest,
    })
}

fn is_unprintable(letter: char) -> bool {
    (letter.is_control() && !matches!(letter, '\n' | '\r' | '\t'))
        || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The bytes of the front matter and of what follows.
fn front_matter(source: &mut Source<'_>) -> Option<(Range<usize>, usize)> {
    let mut at = 0;
    let mut begin = None;
    for line in source.text.split_inclusive('\n') {
        let fence = line.trim_end() == "+++";
        match begin {
            None if fence => begin = Some(at + line.len()),
            None => break,
            Some(begin) if fence => return Some((begin..at, at + line.len())),
            Some(_) => {}
        }
        at += line.len();
    }
    if begin.is_some() {
        source.problem(0, "the front matter is not closed", "a line `+++` behind it");
    } else {
        source.problem(0, "the file has no front matter", "a first line `+++`");
    }
    None
}

fn verified(source: &mut Source<'_>, fields: &mut Fields<'_, '_>) -> Option<jiff::civil::Date> {
    let text = fields.text(source, "verified")?;
    let date = text.value.parse().ok();
    if date.is_none() {
        source.problem(
            text.at,
            format!("`{}` is not a day", text.value),
            "a day such as \"2026-11-01\"",
        );
    }
    date
}

/// A heading with what stands under it.
pub(super) struct Part {
    pub title: String,
    pub level: u8,
    pub at: usize,
    pub blocks: Vec<Block>,
    pub templates: Vec<(Template, usize)>,
    /// The bytes of the step block's TOML.
    pub step: Option<Range<usize>>,
}

/// Splits the body at its headings of the first and second level.
fn sections(source: &mut Source<'_>, base: usize) -> Vec<Part> {
    let body = source.text.get(base..).unwrap_or_default();
    let mut parts = Vec::new();
    let mut part = Part::new(base, 0);
    let mut builder = Builder::default();
    let (mut depth, mut heading, mut block): (usize, bool, Option<Range<usize>>) = (0, false, None);
    for (event, range) in Parser::new_ext(body, Options::empty()).into_offset_iter() {
        let range = range.start + base..range.end + base;
        match &event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        match event {
            Event::Start(Tag::Heading { level, .. }) if depth == 1 && level <= HeadingLevel::H2 => {
                part.close(source, std::mem::take(&mut builder), &mut parts);
                part = Part::new(range.start, level as u8);
                heading = true;
            }
            Event::End(TagEnd::Heading(_)) if heading => heading = false,
            Event::Text(text) | Event::Code(text) if heading => part.title.push_str(&text),
            _ if heading => {}
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info)))
                if info.split_whitespace().next() == Some("step") =>
            {
                if depth > 1 {
                    source.problem(
                        range.start,
                        "a step block stands inside a list or quote",
                        "it at the left margin",
                    );
                }
                block = Some(range.end..range.end);
            }
            Event::Text(_) if block.is_some() => {
                let begin = block
                    .as_ref()
                    .filter(|seen| !seen.is_empty())
                    .map_or(range.start, |seen| seen.start);
                block = Some(begin..range.end);
            }
            Event::End(TagEnd::CodeBlock) if block.is_some() => {
                let inside = block.take().unwrap_or_default();
                if part.level < 2 {
                    source.problem(
                        range.start,
                        "a step block stands under no `##` heading",
                        "a heading that names the step",
                    );
                } else if part.step.is_some() {
                    source.problem(
                        range.start,
                        "a second step block under one heading",
                        "one step under a heading",
                    );
                } else {
                    part.step = Some(inside);
                }
            }
            other => builder.event(source, other, range),
        }
    }
    part.close(source, builder, &mut parts);
    parts
}

impl Part {
    fn new(at: usize, level: u8) -> Self {
        Self {
            title: String::new(),
            level,
            at,
            blocks: Vec::new(),
            templates: Vec::new(),
            step: None,
        }
    }

    fn close(&mut self, source: &mut Source<'_>, builder: Builder, parts: &mut Vec<Self>) {
        let mut part = std::mem::replace(self, Self::new(self.at, 0));
        (part.blocks, part.templates) = builder.finish(source);
        if part.level >= 2 && slug(&part.title).is_empty() {
            source.problem(part.at, "the heading has no words", "a few words that name the step");
        }
        parts.push(part);
    }
}

/// A goto's target with its place.
pub(super) type Target = Placed<String>;
