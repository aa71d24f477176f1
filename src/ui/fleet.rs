//! The other platforms in one line, the worst first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Look, put};
use crate::action::Class;
use crate::app::App;
use crate::app::fleet::{Sister, SisterState};
use crate::signal::Severity;
use crate::text;
use crate::theme::Role;

/// Rows of the screen from which on there is room for the line.
const TALL: u16 = 38;

pub fn has_line(app: &App) -> bool {
    !app.seat.fleet.is_empty() && app.shows_all_panes() && app.size.1 >= TALL
}

/// How bad, for the order: critical, warning, not known, well.
fn rank(sister: &Sister) -> u8 {
    match &sister.state {
        SisterState::Seen {
            worst: Some((Severity::Critical, _)),
            ..
        }
        | SisterState::Stale {
            worst: Some((Severity::Critical, _)),
            ..
        } => 0,
        SisterState::Seen { worst: Some(_), .. } | SisterState::Stale { worst: Some(_), .. } => 1,
        SisterState::Lost { .. } | SisterState::Stale { worst: None, .. } => 2,
        SisterState::Looking => 3,
        SisterState::Seen { worst: None, .. } => 4,
    }
}

const fn is_stale(sister: &Sister) -> bool {
    matches!(sister.state, SisterState::Stale { .. })
}

fn mark(look: Look<'_>, sister: &Sister) -> (&'static str, Role) {
    match rank(sister) {
        _ if is_stale(sister) => (look.symbols.stale, Role::Stale),
        0 => (look.symbols.critical, Role::Error),
        1 => (look.symbols.warning, Role::Warn),
        2 => (look.symbols.failed, Role::Stale),
        3 => (look.symbols.waiting, Role::TextMuted),
        _ => (look.symbols.live, Role::Ok),
    }
}

fn badge(class: Class) -> Role {
    match class {
        Class::Production => Role::BadgeProd,
        Class::Unclassified => Role::BadgeUnclassified,
        Class::Staging => Role::BadgeStaging,
        Class::Local => Role::BadgeLocal,
    }
}

/// One platform in the line: what always stands there, and what it would like to say.
struct Entry<'a> {
    sister: &'a Sister,
    name: String,
    words: String,
    /// Columns without the words.
    fixed: usize,
}

impl<'a> Entry<'a> {
    fn of(sister: &'a Sister) -> Self {
        let words = match rank(sister) {
            4 => String::new(),
            3 => "looking".to_owned(),
            _ => text::clean(&sister.state.words()).into_owned(),
        };
        let name = text::clean(&sister.name).into_owned();
        let badge = if says_class(sister) {
            sister.class.badge().len() + 3
        } else {
            0
        };
        Self {
            sister,
            fixed: 2 + text::width(&name) + badge + GAP,
            name,
            words,
        }
    }

    /// Columns that its words take at least.
    fn least(&self) -> usize {
        let words = match &self.sister.state {
            SisterState::Lost { .. } => "not reached".len(),
            SisterState::Stale { .. } => "stale since 00:00Z".len(),
            _ => 14,
        };
        text::width(&self.words).min(words)
    }
}

/// Of those that are well the name is enough, and of those that are not for people.
fn says_class(sister: &Sister) -> bool {
    rank(sister) < 3 && matches!(sister.class, Class::Production | Class::Unclassified)
}

const GAP: usize = 3;

/// As many as fit, the worst first; the worse it is, the more it says.
pub fn line(app: &App, look: Look<'_>, area: Rect, buf: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let mut sisters: Vec<&Sister> = app.seat.fleet.iter().collect();
    sisters.sort_by_key(|s| rank(s));
    let mut x = put(buf, area, 1, 0, "fleet k8s", look.style(Role::TextMuted)) + 1 + GAP as u16;
    let mut room = usize::from(area.width).saturating_sub(usize::from(x) + 1);
    let entries: Vec<Entry<'_>> = sisters.into_iter().map(Entry::of).collect();
    let needs = |e: &Entry<'_>| e.fixed + e.least() + usize::from(!e.words.is_empty());
    let all: usize = entries.iter().map(needs).sum();
    let mut left = room;
    let shown = if all <= room + GAP {
        entries.len()
    } else {
        // What is left out is counted.
        left = left.saturating_sub("and 99 more".len());
        let fits = |e: &&Entry<'_>| {
            let fits = needs(e) <= left;
            left = left.saturating_sub(needs(e));
            fits
        };
        entries.iter().take_while(fits).count()
    };
    let (shown, rest) = entries.split_at_checked(shown).unwrap_or((&entries, &[]));
    let taken: usize = shown.iter().map(needs).sum();
    room = (room + GAP).saturating_sub(taken + if rest.is_empty() { 0 } else { "and 99 more".len() });
    for e in shown {
        let (sign, role) = mark(look, e.sister);
        x += put(buf, area, x, 0, sign, look.style(role)) + 1;
        x += put(buf, area, x, 0, &e.name, look.style(Role::TextStrong));
        if says_class(e.sister) {
            let class = format!(" {} ", e.sister.class.badge());
            x += 1 + put(buf, area, x + 1, 0, &class, look.style(badge(e.sister.class)));
        }
        if !e.words.is_empty() {
            let wants = text::width(&e.words);
            let mut more = wants.saturating_sub(e.least()).min(room);
            let fixed = matches!(e.sister.state, SisterState::Lost { .. } | SisterState::Stale { .. });
            // What comes after "not reached" says nothing in a few letters.
            let is_short = fixed && more < 8 && more + e.least() < wants;
            if is_short {
                more = 0;
            }
            room -= more;
            let role = match rank(e.sister) {
                _ if is_stale(e.sister) => Role::Stale,
                0 | 1 => Role::Text,
                _ => Role::TextMuted,
            };
            let words = if is_short {
                e.words.chars().take(e.least()).collect()
            } else {
                text::truncate_end(&e.words, e.least() + more).into_owned()
            };
            x += 1 + put(buf, area, x + 1, 0, &words, look.style(role));
        }
        x += GAP as u16;
    }
    if !rest.is_empty() {
        put(
            buf,
            area,
            x,
            0,
            &format!("and {} more", rest.len()),
            look.style(Role::TextMuted),
        );
    }
}

/// Where there is no room for the line: the mark of the worst, and at how many platforms something is the matter.
pub fn light(app: &App, look: Look<'_>) -> Option<(String, Role)> {
    if has_line(app) {
        return None;
    }
    let worst = app.seat.fleet.iter().min_by_key(|s| rank(s)).filter(|s| rank(s) < 3)?;
    let n = app.seat.fleet.iter().filter(|s| rank(s) < 3).count();
    let (sign, role) = mark(look, worst);
    Some((format!("fleet{sign}{n} "), role))
}
