//! A text that was fetched: YAML, say.

use crate::app::doc::Scroll;
use crate::app::msg::Token;
use crate::model::ObjectRef;

#[derive(Clone, Debug)]
pub enum Content {
    Loading(Token),
    Lines(Vec<String>),
    Failed(String),
}

#[derive(Clone, Debug)]
pub struct TextView {
    pub title: String,
    pub object: Option<ObjectRef>,
    pub content: Content,
    pub scroll: Scroll,
    /// YAML is coloured by key and value.
    pub yaml: bool,
}

impl TextView {
    pub fn lines(&self) -> &[String] {
        match &self.content {
            Content::Lines(lines) => lines,
            _ => &[],
        }
    }
}
