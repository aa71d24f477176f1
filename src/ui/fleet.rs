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
        } => 0,
        SisterState::Seen { worst: Some(_), .. } => 1,
        SisterState::Lost { .. } => 2,
        SisterState::Looking => 3,
        SisterState::Seen { worst: None, .. } => 4,
    }
}

fn mark(look: Look<'_>, sister: &Sister) -> (&'static str, Role) {
    match rank(sister) {
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

/// Each platform has its share of the line: what is well needs no more than its name.
pub fn line(app: &App, look: Look<'_>, area: Rect, buf: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let mut sisters: Vec<&Sister> = app.seat.fleet.iter().collect();
    sisters.sort_by_key(|s| rank(s));
    let names: usize = sisters
        .iter()
        .map(|s| text::width(&s.name) + s.class.badge().len() + 9)
        .sum();
    let wordy = sisters.iter().filter(|s| rank(s) < 3).count().max(1);
    let share = usize::from(area.width).saturating_sub(names + 10) / wordy;
    let mut x = put(buf, area, 1, 0, "fleet", look.style(Role::TextMuted)) + 3;
    for sister in sisters {
        let (sign, role) = mark(look, sister);
        x += put(buf, area, x, 0, sign, look.style(role)) + 1;
        x += put(
            buf,
            area,
            x,
            0,
            &text::clean(&sister.name),
            look.style(Role::TextStrong),
        ) + 1;
        let class = format!(" {} ", sister.class.badge());
        x += put(buf, area, x, 0, &class, look.style(badge(sister.class))) + 1;
        let words = text::clean(&sister.state.words()).into_owned();
        let role = if rank(sister) < 2 { Role::Text } else { Role::TextMuted };
        let words = match rank(sister) {
            4 => "calm".to_owned(),
            3 => "looking".to_owned(),
            _ => text::truncate_end(&words, share.max(12)).into_owned(),
        };
        x += put(buf, area, x, 0, &words, look.style(role)) + 3;
    }
}
