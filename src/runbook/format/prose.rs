//! Prose as a few plain blocks, for the panel to draw: Markdown's paragraphs, lists, code and emphasis, and no more.

use super::source::Source;
use crate::runbook::template::Template;
use pulldown_cmark::{Event, Tag, TagEnd};
use std::ops::Range;

/// A block of prose.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    Paragraph(Vec<Span>),
    /// A heading below the step's own.
    Heading(Vec<Span>),
    /// An item of a list: how deep it is nested, from 0, and its number if the list has numbers.
    Item {
        depth: usize,
        number: Option<u64>,
        spans: Vec<Span>,
    },
    /// Lines to be shown as they are.
    Code(Vec<String>),
}

/// A stretch of text in one style. Expressions in it are filled in from the facts.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    pub text: Template,
    pub style: Style,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    Emphasis,
    Strong,
    Code,
}

impl Block {
    pub fn spans(&self) -> &[Span] {
        match self {
            Self::Paragraph(spans) | Self::Heading(spans) | Self::Item { spans, .. } => spans,
            Self::Code(_) => &[],
        }
    }
}

/// Collects the events between two steps into blocks.
#[derive(Default)]
pub(super) struct Builder {
    blocks: Vec<Block>,
    /// The pieces of the block being read, with the byte at which each begins.
    pieces: Vec<(String, Style, usize)>,
    styles: Vec<Style>,
    /// One entry a nested list: its next number, if it has numbers.
    lists: Vec<Option<u64>>,
    code: Option<String>,
    links: Vec<String>,
    /// Templates with the byte at which each begins, for checking.
    templates: Vec<(Template, usize)>,
}

impl Builder {
    pub fn event(&mut self, source: &mut Source<'_>, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(Tag::Emphasis) => self.styles.push(Style::Emphasis),
            Event::Start(Tag::Strong) => self.styles.push(Style::Strong),
            Event::End(TagEnd::Emphasis | TagEnd::Strong) => {
                self.styles.pop();
            }
            Event::Start(Tag::List(first)) => {
                self.flush(source);
                self.lists.push(first);
            }
            Event::End(TagEnd::List(_)) => {
                self.lists.pop();
            }
            Event::Start(Tag::CodeBlock(_)) => {
                self.flush(source);
                self.code = Some(String::new());
            }
            Event::End(TagEnd::CodeBlock) => {
                if let Some(code) = self.code.take() {
                    self.blocks.push(Block::Code(code.lines().map(str::to_owned).collect()));
                }
            }
            Event::End(TagEnd::Heading(_)) => self.end(source, Block::Heading),
            Event::Start(Tag::Heading { .. }) | Event::End(TagEnd::Paragraph | TagEnd::Item) | Event::HardBreak => {
                self.flush(source);
            }
            Event::Start(Tag::Link { dest_url, .. }) => self.links.push(dest_url.to_string()),
            Event::End(TagEnd::Link) => {
                // The console opens no links: the address must be readable. An autolink already is.
                let url = self.links.pop().unwrap_or_default();
                if self.pieces.last().is_none_or(|(text, ..)| *text != url) {
                    self.piece(&format!(" ({url})"), Style::Plain, range.end);
                }
            }
            Event::Text(text) => match &mut self.code {
                Some(code) => code.push_str(&text),
                None => self.piece(&text, self.styles.last().copied().unwrap_or(Style::Plain), range.start),
            },
            Event::Code(text) => self.piece(&text, Style::Code, range.start + 1),
            Event::SoftBreak => self.piece(" ", self.styles.last().copied().unwrap_or(Style::Plain), range.start),
            // A comment is for authors; any other HTML would be shown as its own source.
            Event::Html(text) | Event::InlineHtml(text) if !text.trim_start().starts_with("<!--") => {
                source.problem(
                    range.start,
                    "HTML cannot be shown here",
                    "Markdown: paragraphs, lists, code, emphasis",
                );
            }
            _ => {}
        }
    }

    /// Adjacent text of one style is one piece, so that an expression is never torn apart.
    fn piece(&mut self, text: &str, style: Style, at: usize) {
        match self.pieces.last_mut() {
            Some((before, last, _)) if *last == style => before.push_str(text),
            _ => self.pieces.push((text.to_owned(), style, at)),
        }
    }

    fn flush(&mut self, source: &mut Source<'_>) {
        let depth = self.lists.len();
        if depth == 0 {
            self.end(source, Block::Paragraph);
            return;
        }
        if self.pieces.is_empty() {
            return;
        }
        let number = self.lists.last_mut().and_then(|next| {
            let number = *next;
            *next = number.map(|number| number + 1);
            number
        });
        self.end(source, |spans| Block::Item {
            depth: depth - 1,
            number,
            spans,
        });
    }

    fn end(&mut self, source: &mut Source<'_>, make: impl FnOnce(Vec<Span>) -> Block) {
        let mut spans = Vec::new();
        for (text, style, at) in std::mem::take(&mut self.pieces) {
            match Template::parse(&text) {
                Ok(template) => {
                    self.templates.push((template.clone(), at));
                    spans.push(Span { text: template, style });
                }
                Err(flaw) => source.flaw(at, flaw),
            }
        }
        if !spans.is_empty() {
            self.blocks.push(make(spans));
        }
    }

    /// The blocks, and the templates in them with their places.
    pub fn finish(mut self, source: &mut Source<'_>) -> (Vec<Block>, Vec<(Template, usize)>) {
        self.flush(source);
        (self.blocks, self.templates)
    }
}
