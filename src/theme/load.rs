//! Reading theme files, and the resolved theme.

use std::collections::BTreeMap;
use std::ops::Range;

use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier, Style};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::colour::{self, Rgb, luminance, rgb};
use super::role::parent;
use super::{BUILT_IN, Depth, Role};
use crate::keys::problem::{Problem, nearest};

/// A theme, resolved for one colour depth.
#[derive(Debug, Clone, PartialEq)]
pub struct Theme {
    name: String,
    background: Rgb,
    /// The background is painted, whatever the terminal's is.
    paints: bool,
    /// The colours that it was made for.
    pub(super) depth: Depth,
    pub(super) styles: Vec<Style>,
}

impl Theme {
    /// A built-in theme (`dark`, `light`); `dark` when there is none of that name.
    pub fn built_in(name: &str, depth: Depth) -> Self {
        let (name, text) = BUILT_IN
            .iter()
            .find(|(known, _)| *known == name)
            .or(BUILT_IN.first())
            .unwrap_or(&("", ""));
        // A test loads them all, so the fallback is never taken.
        Self::load(name, text, depth).unwrap_or_else(|_| Self {
            name: String::new(),
            background: (0, 0, 0),
            paints: false,
            depth,
            styles: Vec::new(),
        })
    }

    /// The theme of a file's text, laid over the built-in theme that it inherits (`dark` unless it says otherwise).
    ///
    /// # Errors
    /// Every fault, with its place.
    pub fn load(file: &str, text: &str, depth: Depth) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut layers = Vec::new();
        // A file that gives itself no name is called as it lies there.
        let own_name = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".toml");
        let (mut file, mut text) = (file, text);
        // A theme and its ancestors.
        for _ in 0..=BUILT_IN.len() {
            let own = Layer::read(file, text, &mut problems);
            let inherits = own.inherits.clone();
            layers.insert(0, own);
            let Some((name, parent)) = inherits.and_then(|name| BUILT_IN.iter().find(|(known, _)| *known == name))
            else {
                break;
            };
            (file, text) = (name, parent);
        }
        // A theme may want fewer colours than there are.
        let depth = layers.iter().filter_map(|layer| layer.colours).fold(depth, Depth::min);
        let mut palette = BTreeMap::new();
        for layer in &layers {
            layer.palette(&mut palette, &mut problems);
        }
        let mut roles = BTreeMap::new();
        let mut overrides = BTreeMap::new();
        for layer in &layers {
            layer.roles(&palette, depth, &mut roles, &mut overrides, &mut problems);
        }
        if !problems.is_empty() {
            problems.sort();
            problems.dedup();
            return Err(problems);
        }
        let last = layers.last();
        let styles = Role::ALL
            .iter()
            .map(|role| shown(resolve(role.name(), &roles, &overrides), depth))
            .collect();
        Ok(Self {
            name: last
                .and_then(|layer| layer.name.clone())
                .unwrap_or_else(|| own_name.to_owned()),
            background: layers
                .iter()
                .rev()
                .find_map(|layer| layer.background)
                .unwrap_or((0, 0, 0)),
            paints: layers.iter().rev().find_map(|layer| layer.paints).unwrap_or(false),
            depth,
            styles,
        })
    }

    /// How a role looks.
    pub fn style(&self, role: Role) -> Style {
        self.styles.get(role as usize).copied().unwrap_or_default()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The background that it was made for; it is assumed, and painted only where it must be.
    pub const fn background(&self) -> Rgb {
        self.background
    }

    /// Whether a terminal with this background wants the dark theme.
    pub fn wants_dark(background: Rgb) -> bool {
        luminance(background) < 0.3
    }

    /// The same theme, painting its background or not; a theme whose file says so always does.
    #[must_use]
    pub fn painted(mut self, strange: bool) -> Self {
        self.paints |= strange;
        self
    }

    /// Paints the background under everything that has none, and gives a colour to what had the terminal's: for a theme
    /// that says so, or one that the terminal's own background would make unreadable. Without colours it does nothing.
    pub fn paint(&self, cells: &mut [Cell]) {
        if !self.paints || self.depth == Depth::Mono {
            return;
        }
        let (r, g, b) = self.background;
        let under = self.depth.nearest(Color::Rgb(r, g, b));
        let (r, g, b) = self.default_text();
        let over = self
            .style(Role::Text)
            .fg
            .unwrap_or_else(|| self.depth.nearest(Color::Rgb(r, g, b)));
        for cell in cells {
            if cell.bg == Color::Reset {
                cell.bg = under;
            }
            if cell.fg == Color::Reset {
                cell.fg = over;
            }
        }
    }

    /// What text without a colour looks like on such a background.
    pub(super) fn default_text(&self) -> Rgb {
        if Self::wants_dark(self.background) {
            (229, 229, 229)
        } else {
            (0, 0, 0)
        }
    }
}

/// With the colours that there are: a theme that wants fewer than the paper has is drawn with fewer.
fn shown(mut style: Style, depth: Depth) -> Style {
    if depth < Depth::Indexed {
        for slot in [&mut style.fg, &mut style.bg] {
            *slot = slot.map(|c| depth.nearest(c)).filter(|c| *c != Color::Reset);
        }
    }
    style
}

/// The style of a role: its override at this depth, its own, then its parent's in the same order.
fn resolve(name: &str, roles: &BTreeMap<String, Style>, overrides: &BTreeMap<String, Style>) -> Style {
    let mut at = Some(name);
    while let Some(name) = at {
        if let Some(style) = overrides.get(name).or_else(|| roles.get(name)) {
            return *style;
        }
        at = parent(name);
    }
    overrides
        .get("text")
        .or_else(|| roles.get("text"))
        .copied()
        .unwrap_or_default()
}

/// One file, read but not resolved.
struct Layer<'a> {
    file: &'a str,
    text: &'a str,
    document: DeTable<'a>,
    name: Option<String>,
    inherits: Option<String>,
    background: Option<Rgb>,
    paints: Option<bool>,
    colours: Option<Depth>,
}

impl<'a> Layer<'a> {
    fn read(file: &'a str, text: &'a str, problems: &mut Vec<Problem>) -> Self {
        let (document, errors) = DeTable::parse_recoverable(text);
        problems.extend(errors.iter().map(|error| Problem::syntax(file, text, error)));
        let built_in = BUILT_IN.iter().any(|(_, known)| *known == text);
        let mut layer = Self {
            file,
            text,
            document: DeTable::new(),
            name: None,
            inherits: (!built_in).then(|| "dark".to_owned()),
            background: None,
            paints: None,
            colours: None,
        };
        for (key, value) in document.get_ref() {
            let string = value.get_ref().as_str();
            match (key.get_ref().as_ref(), string) {
                ("name", Some(name)) => layer.name = Some(name.to_owned()),
                ("inherits", Some(name)) if BUILT_IN.iter().any(|(known, _)| *known == name) => {
                    layer.inherits = Some(name.to_owned());
                }
                ("inherits", _) => {
                    let names: Vec<_> = BUILT_IN.iter().map(|(name, _)| *name).collect();
                    problems.push(layer.at(
                        &value.span(),
                        format!("no such theme: expected one of {}", names.join(", ")),
                    ));
                }
                ("background", Some(word)) => match colour::parse(word).and_then(rgb) {
                    Some(value) => layer.background = Some(value),
                    None => problems.push(layer.at(&value.span(), "no colour: expected one such as \"#15181e\"")),
                },
                ("colours", Some(word)) if Depth::from_name(word).is_some() => layer.colours = Depth::from_name(word),
                ("colours", _) => problems.push(layer.at(&value.span(), "expected \"mono\", \"16\" or \"256\"")),
                ("paint", _) => match value.get_ref() {
                    DeValue::Boolean(on) => layer.paints = Some(*on),
                    _ => problems.push(layer.at(&value.span(), "expected true or false")),
                },
                ("palette" | "roles" | "depth", _) if value.get_ref().is_table() => {}
                ("name" | "background", None) => problems.push(layer.at(&value.span(), "expected a text in quotes")),
                (other, _) => {
                    let expected =
                        "expected name, inherits, background, paint, colours, [palette], [roles] or [depth.16]";
                    problems.push(layer.at(&key.span(), format!("`{other}` is not known here: {expected}")));
                }
            }
        }
        layer.document = document.into_inner();
        layer
    }

    fn at(&self, span: &Range<usize>, message: impl Into<String>) -> Problem {
        Problem::at(self.file, self.text, span, message)
    }

    fn table(&self, name: &str) -> Option<&DeTable<'a>> {
        self.document.get(name).and_then(|value| value.get_ref().as_table())
    }

    fn palette(&self, palette: &mut BTreeMap<String, Color>, problems: &mut Vec<Problem>) {
        for (key, value) in self.table("palette").into_iter().flatten() {
            match value.get_ref().as_str().and_then(colour::parse) {
                Some(colour) => {
                    palette.insert(key.get_ref().to_string(), colour);
                }
                None => problems.push(self.at(
                    &value.span(),
                    "no colour: expected #rrggbb, @0 to @255, one of the sixteen such as red or bright-black, or default",
                )),
            }
        }
    }

    fn roles(
        &self,
        palette: &BTreeMap<String, Color>,
        depth: Depth,
        roles: &mut BTreeMap<String, Style>,
        overrides: &mut BTreeMap<String, Style>,
        problems: &mut Vec<Problem>,
    ) {
        let mut read = |table: &DeTable<'a>, into: &mut BTreeMap<String, Style>| {
            for (key, value) in table {
                let name = key.get_ref().as_ref();
                if !known(name) {
                    let names = Role::ALL.iter().map(|role| role.name());
                    let expected = nearest(name, names).map_or_else(
                        || "`qd themes --roles` names all of them".to_owned(),
                        |name| format!("did you mean `{name}`?"),
                    );
                    problems.push(self.at(&key.span(), format!("no role `{name}`: {expected}")));
                    continue;
                }
                match self.style(value, palette) {
                    Ok(style) => {
                        into.insert(name.to_owned(), style);
                    }
                    Err(problem) => problems.push(problem),
                }
            }
        };
        if let Some(table) = self.table("roles") {
            read(table, roles);
        }
        let mut wrong = Vec::new();
        for (key, value) in self.table("depth").into_iter().flatten() {
            match (Depth::from_name(key.get_ref()), value.get_ref().as_table()) {
                // The other depths are read too, so that their faults are told whatever the terminal.
                (Some(found), Some(table)) if found == depth => read(table, overrides),
                (Some(_), Some(table)) => read(table, &mut BTreeMap::new()),
                _ => wrong.push(self.at(
                    &key.span(),
                    "no depth: expected [depth.mono], [depth.16], [depth.256] or [depth.truecolor]",
                )),
            }
        }
        problems.append(&mut wrong);
    }

    /// `colour [on colour] [modifiers]`
    fn style(&self, value: &Spanned<DeValue<'a>>, palette: &BTreeMap<String, Color>) -> Result<Style, Problem> {
        let wrong = |message: String| self.at(&value.span(), message);
        let Some(words) = value.get_ref().as_str() else {
            return Err(wrong("expected a text such as \"ink on slate bold\"".to_owned()));
        };
        let mut style = Style::new();
        let mut below = false;
        for word in words.split_whitespace() {
            if word == "on" && !below {
                below = true;
            } else if let Some(modifier) = modifier(word) {
                style = style.add_modifier(modifier);
            } else if let Some(colour) = palette.get(word).copied().or_else(|| colour::parse(word)) {
                let slot = if std::mem::take(&mut below) {
                    &mut style.bg
                } else {
                    &mut style.fg
                };
                if slot.replace(colour).is_some() {
                    return Err(wrong(format!(
                        "`{word}` is one colour too many: expected colour, on colour, modifiers"
                    )));
                }
            } else {
                let names = palette
                    .keys()
                    .map(String::as_str)
                    .chain(MODIFIERS.iter().map(|(name, _)| *name));
                let expected = nearest(word, names).map_or_else(
                    || "expected a name of [palette], a colour such as #7fb8cf, or bold, dim, italic, underline, reverse, strike".to_owned(),
                    |name| format!("did you mean `{name}`?"),
                );
                return Err(wrong(format!("no colour `{word}`: {expected}")));
            }
        }
        if below {
            return Err(wrong("`on` has no colour after it".to_owned()));
        }
        // The default colour is said by silence, so that what lies under shows through.
        style.fg = style.fg.filter(|colour| *colour != Color::Reset);
        style.bg = style.bg.filter(|colour| *colour != Color::Reset);
        Ok(style)
    }
}

const MODIFIERS: &[(&str, Modifier)] = &[
    ("bold", Modifier::BOLD),
    ("dim", Modifier::DIM),
    ("italic", Modifier::ITALIC),
    ("underline", Modifier::UNDERLINED),
    ("reverse", Modifier::REVERSED),
    ("strike", Modifier::CROSSED_OUT),
];

fn modifier(word: &str) -> Option<Modifier> {
    MODIFIERS
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, modifier)| *modifier)
}

/// A role's name, or a name that roles fall back to.
fn known(name: &str) -> bool {
    Role::ALL.iter().any(|role| {
        role.name()
            .strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_theme_inherits_and_a_palette_entry_recolours_every_role_that_uses_it() {
        let theme = Theme::load(
            "mine",
            "[palette]\nwave = \"#ff00ff\"\n[roles]\n\"badge\" = \"ink\"",
            Depth::True,
        )
        .unwrap();
        assert_eq!(theme.style(Role::Accent).fg, Some(Color::Rgb(255, 0, 255)));
        assert_eq!(theme.style(Role::BorderFocus).fg, Some(Color::Rgb(255, 0, 255)));
        assert_eq!(
            theme.style(Role::LogInfo),
            theme.style(Role::Text),
            "log.info falls back to log, the same as text"
        );
        let nameless = Theme::load("/themes/mine.toml", "inherits = \"nord\"", Depth::True).unwrap();
        assert_eq!(nameless.name(), "mine", "not its parent's name");
        assert_eq!(
            Theme::load("mine", "inherits = \"light\"", Depth::True)
                .unwrap()
                .background(),
            Theme::built_in("light", Depth::True).background()
        );
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        for (text, expected) in [
            (
                "[roles]\n\"txt\" = \"ink\"",
                "mine.toml:2:1: no role `txt`: did you mean `text`?",
            ),
            (
                "[roles]\n\"text\" = \"inc\"",
                "mine.toml:2:10: no colour `inc`: did you mean `ink`?",
            ),
            (
                "[roles]\n\"text\" = \"ink moss\"",
                "mine.toml:2:10: `moss` is one colour too many",
            ),
            ("[roles]\n\"text\" = \"ink on\"", "mine.toml:2:10: `on` has no colour"),
            ("[palette]\nx = \"mauve\"", "mine.toml:2:5: no colour: expected #rrggbb"),
            ("[depth.8]\n\"text\" = \"ink\"", "mine.toml:1:8: no depth"),
            ("[depth.16]\n\"text\" = \"inkk\"", "mine.toml:2:10: no colour `inkk`"),
            ("inherits = \"noir\"", "mine.toml:1:12: no such theme"),
            ("colours = \"8\"", "mine.toml:1:11: expected \"mono\""),
            ("paint = 1", "mine.toml:1:9: expected true or false"),
            ("colour = 1", "mine.toml:1:1: `colour` is not known here"),
            ("[roles\n", "mine.toml:1:7: "),
        ] {
            let problems = Theme::load("mine.toml", text, Depth::True).unwrap_err();
            assert!(
                problems.iter().any(|p| p.to_string().starts_with(expected)),
                "{text}\n{problems:?}"
            );
        }
    }
}
