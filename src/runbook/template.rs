//! Text with expressions in it: `{{ rollout.ready }} of {{ rollout.desired }}`.
//!
//! A template that is one expression and nothing else keeps the expression's type, so that a revision stays a number.

use super::cel::{self, Answer, Flaw, Scope};
use super::value::Value;
use std::sync::Arc;

/// A parsed template.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Template {
    parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(String),
    /// An expression and the byte of the template at which it begins.
    Expression(String, usize),
}

impl Template {
    /// A template that is only this text, whatever braces it holds.
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            parts: vec![Part::Text(text.into())],
        }
    }

    /// Splits `text` at its `{{ … }}`.
    ///
    /// # Errors
    /// A `{{` that is not closed, with its offset.
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        let mut parts = Vec::new();
        let mut rest = text;
        let mut at = 0;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((inside, behind)) = after.split_once("}}") else {
                return Err(Flaw::new(
                    at + before.len(),
                    "`{{` is not closed",
                    "`}}` behind the expression",
                ));
            };
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let begins = at + before.len() + 2 + (inside.len() - inside.trim_start().len());
            parts.push(Part::Expression(inside.trim().to_owned(), begins));
            at += before.len() + inside.len() + 4;
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// The expressions, each with the byte of the template at which it begins.
    pub fn expressions(&self) -> impl Iterator<Item = (&str, usize)> {
        self.parts.iter().filter_map(|part| match part {
            Part::Expression(source, at) => Some((source.as_str(), *at)),
            Part::Text(_) => None,
        })
    }

    /// The one expression that the template is, if it is nothing else.
    pub fn only_expression(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Expression(source, _)] => Some(source),
            _ => None,
        }
    }

    /// The text of a template that holds no expression.
    pub fn as_plain(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Puts answers, one for each of [`Template::expressions`], in their places.
    pub fn fill<'a>(&self, answers: &mut impl Iterator<Item = &'a Answer>) -> Answer {
        if self.only_expression().is_some() {
            return answers
                .next()
                .cloned()
                .unwrap_or_else(|| Answer::Unknown("not evaluated".to_owned()));
        }
        let mut text = String::new();
        let mut unknown = Vec::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Expression(..) => match answers.next() {
                    Some(Answer::Known(value)) => text.push_str(&value.to_string()),
                    Some(Answer::Unknown(why)) if unknown.contains(why) => {}
                    Some(Answer::Unknown(why)) => unknown.push(why.clone()),
                    None => unknown.push("not evaluated".to_owned()),
                },
            }
        }
        if unknown.is_empty() {
            Answer::Known(Value::Text(text))
        } else {
            Answer::Unknown(unknown.join("; "))
        }
    }

    /// Like [`Template::fill`], for reading only: what is not known is written `?`.
    pub fn fill_text<'a>(&self, answers: &mut impl Iterator<Item = &'a Answer>) -> String {
        self.parts.iter().fold(String::new(), |mut text, part| {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Expression(..) => match answers.next() {
                    Some(Answer::Known(value)) => text.push_str(&value.to_string()),
                    _ => text.push('?'),
                },
            }
            text
        })
    }

    /// Evaluates and fills this template alone.
    pub fn answer(&self, scope: &Arc<Scope>) -> Answer {
        let sources: Vec<String> = self.expressions().map(|(source, _)| source.to_owned()).collect();
        self.fill(&mut cel::evaluate(&sources, scope).iter())
    }

    /// Evaluates this template alone, for reading: what is not known is written `?`.
    pub fn text(&self, scope: &Arc<Scope>) -> String {
        let sources: Vec<String> = self.expressions().map(|(source, _)| source.to_owned()).collect();
        self.fill_text(&mut cel::evaluate(&sources, scope).iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Arc<Scope> {
        let mut scope = Scope::default();
        scope.known.insert("ready".to_owned(), Value::Int(3));
        scope.unknown.insert("image".to_owned(), "no image is set".to_owned());
        Arc::new(scope)
    }

    #[test]
    fn one_expression_keeps_its_type_and_text_around_it_makes_text() {
        let answer = |text: &str| Template::parse(text).unwrap().answer(&scope());
        assert_eq!(answer("{{ ready + 1 }}"), Answer::Known(Value::Int(4)));
        assert_eq!(answer("{{ready}} of {{ ready }}"), Answer::Known(Value::text("3 of 3")));
        assert_eq!(answer("plain } text"), Answer::Known(Value::text("plain } text")));
        assert_eq!(
            answer("{{ready}} {{ image }}"),
            Answer::Unknown("no image is set".to_owned())
        );
        assert_eq!(Template::parse("{{ready}} {{ image }}").unwrap().text(&scope()), "3 ?");
        assert_eq!(Template::parse("one {{ two").unwrap_err().offset, 4);
        assert_eq!(
            Template::parse("a {{  b }}").unwrap().expressions().collect::<Vec<_>>(),
            [("b", 6)]
        );
    }
}
