//! What is asked before anything changes.

mod body;

use body::Order;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::approval::clock;
use super::{Look, clear, frame, put, text as draw};
use crate::action::{Confirm, Plan, Risk};
use crate::app::doc::Line;
use crate::app::field::Field;
use crate::app::layers::{PlanFocus, PlanLayer, PlanState};
use crate::app::{App, Asking};
use crate::text;
use crate::theme::Role;

/// Where a plan stands on the screen.
#[derive(Clone, Copy)]
pub enum Frame {
    /// A box in the middle of what is there, as large as it needs to be.
    Floating(Rect),
    /// Within the panel of the run that asked for it: exactly there.
    Within(Rect),
}

impl Frame {
    const fn is_within(self) -> bool {
        matches!(self, Self::Within(_))
    }
}

/// The other way that a plan offers, and its key.
fn another(app: &App, look: Look<'_>, label: &str) -> String {
    format!(
        "{} {}  {label}",
        look.symbols.pointer,
        app.key_signs("plan.alternative")
    )
}

/// A field with its label; where the cursor belongs when it has the focus.
pub(super) fn field(
    look: Look<'_>,
    buf: &mut Buffer,
    area: Rect,
    y: u16,
    label: &str,
    field: &Field,
    focused: bool,
) -> Option<Position> {
    let x = put(
        buf,
        area,
        0,
        y,
        label,
        look.style(if focused { Role::Prompt } else { Role::TextMuted }),
    ) + 1;
    let room = area.width.saturating_sub(x);
    for i in 0..room {
        put(buf, area, x + i, y, "_", look.style(Role::PromptHint));
    }
    let cursor = super::field::draw(look, field, false, Rect::new(area.x + x, area.y + y, room, 1), buf);
    focused.then_some(cursor)
}

/// What is to be typed, and the word; beside the field where there is room for both, else on a line above it.
fn word_label(word: &str, what: &str, width: usize) -> (String, bool) {
    let (short, long) = (format!("type {word}"), format!("type {word} ({what})"));
    // A few columns show where one is in a long word; the field scrolls.
    let field = (text::width(word) + 2).min(12);
    let beside = |label: &String| text::width(label) + 1 + field <= width;
    match (beside(&long), beside(&short)) {
        (true, _) => (long, false),
        (_, true) => (short, false),
        _ => (text::truncate_middle(&short, width).into_owned(), true),
    }
}

/// Whether the word that is typed has a line of its own.
fn word_below(layer: &PlanLayer, width: usize) -> bool {
    match layer.plan().map(|p| &p.confirm) {
        Some(Confirm::Typed { word, what }) => word_label(&text::clean(word), &text::clean(what), width).1,
        _ => false,
    }
}

/// Whether a line is one of the warnings.
fn warns(look: Look<'_>, line: &Line) -> bool {
    let marks = [look.symbols.critical, look.symbols.warning];
    let first = line.0.first().map_or("", |(piece, _)| piece.as_str());
    marks
        .iter()
        .any(|mark| first.strip_prefix(mark).is_some_and(|rest| rest.starts_with(' ')))
}

/// What the dialog says, and where its parts stand.
struct Layout {
    title: String,
    lines: Vec<Line>,
    area: Rect,
    /// Rows for the text.
    room: u16,
}

impl Layout {
    /// Lines beyond what fits. One row is given up to say so.
    fn overflow(&self) -> usize {
        let room = usize::from(self.room);
        match self.lines.len() {
            n if n <= room => 0,
            n => n + 1 - room.max(1),
        }
    }
}

/// How many lines of the text do not fit.
pub fn overflow(app: &App, layer: &PlanLayer, frame: Frame) -> usize {
    layout(app, super::measuring(), layer, frame).overflow()
}

/// Rows that it takes to show all of it at that width.
pub fn height(app: &App, layer: &PlanLayer, width: u16) -> u16 {
    let all = layout(
        app,
        super::measuring(),
        layer,
        Frame::Within(Rect::new(0, 0, width, u16::MAX)),
    );
    let form = all.area.height.saturating_sub(all.room);
    (all.lines.len() as u16).saturating_add(form)
}

/// Title and all lines, laid out for `screen`: for a pager.
pub fn page(app: &App, layer: &PlanLayer, screen: Rect) -> (String, Vec<Line>) {
    let layout = layout(app, super::measuring(), layer, Frame::Floating(screen));
    (layout.title, layout.lines)
}

/// Until when the confirmation counts, as long as there is room for it. In minutes: nothing is drawn for a second.
fn holds(app: &App, plan: &Plan, room: usize) -> (String, Role) {
    let until = clock(plan.expires_at);
    let (all, role) = if app.now > plan.expires_at {
        let key = app.keys_for("plan.again");
        let long = format!("expired at {until}: {key} plans anew");
        (
            [long, format!("expired: {key} plans anew"), format!("expired: {key}")],
            Role::Error,
        )
    } else {
        (
            [
                format!("holds until {until}"),
                format!("until {until}"),
                format!("till {until}"),
            ],
            Role::TextMuted,
        )
    };
    let fits = all.into_iter().find(|text| text::width(text) <= room);
    (fits.unwrap_or_default(), role)
}

/// Where the plan stands with the second person that policy asks for.
fn second_person(app: &App, look: Look<'_>, asking: &Asking, break_glass: bool, risk: Risk) -> Line {
    let alone = if break_glass {
        format!("; {} goes on alone", app.keys_for("plan.alone"))
    } else {
        String::new()
    };
    let (mark, role, text) = match asking {
        Asking::NotAsked => (
            look.symbols.waiting,
            Role::Warn,
            format!("must approve what is {risk:?} here: not asked yet{alone}"),
        ),
        Asking::Asked(ask) => (
            look.symbols.waiting,
            Role::Info,
            format!(
                "asked; waits until {} for somebody else on this machine{alone}",
                clock(ask.expires)
            ),
        ),
        Asking::Approved(_, by) => (
            look.symbols.ok,
            Role::Ok,
            format!("approved by {} at {}: {}", by.by(), clock(by.at()), by.reason()),
        ),
        Asking::Refused(no) => (
            look.symbols.failed,
            Role::Error,
            format!("refused by {}: {}", no.by, no.reason),
        ),
        Asking::Alone(why) => (
            look.symbols.warning,
            Role::Error,
            format!("BREAK GLASS, you go on alone: {why}"),
        ),
    };
    Line::pair_role("2nd person", format!("{mark} {text}"), role)
}

fn layout(app: &App, look: Look<'_>, layer: &PlanLayer, frame: Frame) -> Layout {
    let order = if frame.is_within() {
        Order::Decisive
    } else {
        Order::Natural
    };
    let whole = laid_out(app, look, layer, frame, order);
    match whole.overflow() {
        0 => whole,
        _ => laid_out(app, look, layer, frame, Order::Urgent),
    }
}

fn laid_out(app: &App, look: Look<'_>, layer: &PlanLayer, frame: Frame, order: Order) -> Layout {
    let width = match frame {
        Frame::Floating(screen) => screen.width.min(96),
        Frame::Within(area) => area.width,
    };
    let (title, mut lines) = match &layer.state {
        PlanState::Planning => (
            format!("Planning: {}", layer.request.name().replace('-', " ")),
            vec![Line::new(
                "reading the object afresh, checking rights, dry run",
                Role::Info,
            )],
        ),
        PlanState::Refused(r) => {
            let mut lines = vec![Line::new(r.what.clone(), Role::Error)];
            if !r.hint.is_empty() {
                lines.push(Line::plain(r.hint.clone()));
            }
            lines.extend(
                r.alternatives
                    .iter()
                    .take(1)
                    .map(|a| Line::new(another(app, look, &a.label), Role::Accent)),
            );
            (format!("No plan: {}", layer.request.name().replace('-', " ")), lines)
        }
        PlanState::Ready(plan) => {
            let mut lines = body::body(app, plan, look, order);
            if let Some(aside) = &layer.aside {
                let warning = format!("{} {aside}", look.symbols.warning);
                lines.insert(0, Line::new(warning, Role::Warn));
            }
            if let Some(rule) = plan.second_person {
                lines.push(second_person(app, look, &layer.asking, rule.break_glass, plan.risk));
            }
            (plan.title.clone(), lines)
        }
    };
    for line in &mut lines {
        for (piece, _) in &mut line.0 {
            *piece = text::clean(piece).into_owned();
        }
    }
    let inner_width = usize::from(width.saturating_sub(4));
    let lines = draw::wrapped(&lines, inner_width, true);
    let form = match (layer.can_go(), frame.is_within()) {
        (true, within) => {
            let blank = u16::from(!within);
            let below = layer.wants_word() && word_below(layer, inner_width);
            let fields = u16::from(layer.wants_reason()) + u16::from(layer.wants_word()) + u16::from(below);
            1 + blank + fields + u16::from(layer.complaint.is_some())
        }
        (false, within) => 2 - u16::from(within),
    };
    let height = (lines.len() as u16).saturating_add(form + 2);
    let area = match frame {
        Frame::Floating(screen) => {
            let height = height.min(screen.height);
            Rect::new(
                screen.x + (screen.width - width) / 2,
                screen.y + (screen.height - height) / 2,
                width,
                height,
            )
        }
        Frame::Within(area) => area,
    };
    let height = area.height;
    let room = height.saturating_sub(2 + form);
    Layout {
        title,
        lines,
        area,
        room,
    }
}

/// The dialog. Returns where the hardware cursor belongs.
pub fn draw(app: &App, look: Look<'_>, layer: &PlanLayer, place: Frame, buf: &mut Buffer) -> Option<Position> {
    let within = place.is_within();
    let layout = layout(app, look, layer, place);
    let overflow = layout.overflow();
    let Layout {
        title,
        lines,
        area,
        room,
    } = layout;
    let width = area.width;
    clear(buf, area, look.style(Role::Text));
    let production = layer.plan().is_some_and(|p| p.class.is_production());
    let border = look.style(if production {
        Role::BorderDanger
    } else {
        Role::BorderFocus
    });
    let place = app.place().map(|p| p.context.clone()).unwrap_or_default();
    let badge = layer.plan().map(|p| p.class.badge()).unwrap_or_default();
    let title_room = usize::from(width).saturating_sub(text::width(&place) + badge.len() + 12);
    let heading = [
        (
            text::truncate_middle(&text::clean(&title), title_room).into_owned(),
            look.style(Role::TitleFocus),
        ),
        (format!(" · {place} "), look.style(Role::Text)),
        (
            if badge.is_empty() {
                String::new()
            } else {
                format!(" {badge} ")
            },
            look.style(if production { Role::BadgeProd } else { Role::BadgeLocal }),
        ),
    ];
    let inner = frame(buf, area, border, &heading);
    let inner = Rect::new(inner.x + 1, inner.y, inner.width.saturating_sub(2), inner.height);
    let from = layer.scroll.min(overflow);
    let page = usize::from(room) - usize::from(overflow > 0 && room > 0);
    for (y, line) in lines.iter().skip(from).take(page).enumerate() {
        draw::line(look, buf, inner, y as u16, line, 0);
    }
    if overflow > 0 && room > 0 {
        let mut text = match overflow - from {
            0 => format!("{} the beginning", look.symbols.ascending),
            1 => format!("{} 1 more line", look.symbols.descending),
            n => format!("{} {n} more lines", look.symbols.descending),
        };
        // A warning that is out of sight is not forgotten.
        let unseen = lines.iter().skip(from + page).filter(|line| warns(look, line)).count();
        let role = if unseen > 0 { Role::Warn } else { Role::Accent };
        text = match unseen {
            0 => text,
            1 => format!("{text}, with a warning"),
            n => format!("{text}, with {n} warnings"),
        };
        put(buf, inner, 0, room - 1, &text, look.style(role));
    }
    let mut y = room + u16::from(room > 0 && !within);
    let mut cursor = None;
    if layer.can_go() {
        y = room;
        let reason = if layer.plan().is_some_and(|p| p.reason_required) {
            "reason (needed)"
        } else {
            "reason"
        };
        if layer.wants_reason() {
            let focused = layer.focus == PlanFocus::Reason;
            cursor = field(look, buf, inner, y, reason, &layer.reason, focused).or(cursor);
            y += 1;
        }
        if let (true, Some(Confirm::Typed { word, what })) = (layer.wants_word(), layer.plan().map(|p| &p.confirm)) {
            let (label, below) = word_label(&text::clean(word), &text::clean(what), usize::from(inner.width));
            let focused = layer.focus == PlanFocus::Word;
            if below {
                let role = if focused { Role::Prompt } else { Role::TextMuted };
                put(buf, inner, 0, y, &label, look.style(role));
                y += 1;
            }
            let label = if below { ">" } else { &label };
            cursor = field(look, buf, inner, y, label, &layer.word, focused).or(cursor);
            y += 1;
        }
        if let Some(why) = &layer.complaint {
            put(
                buf,
                inner,
                0,
                y,
                &text::clean(&why.to_string()),
                look.style(Role::Error),
            );
            y += 1;
        }
        y += u16::from(!within);
    }
    // In a panel the buttons stand at its foot.
    let foot = inner.height.saturating_sub(1);
    let y = if within { foot } else { y.min(foot) };
    let go = match layer.plan() {
        Some(_) if layer.is_to_ask() => " Ask a second person ".to_owned(),
        Some(p) if layer.has_button() => format!(" {} ", text::clean(&p.verb)),
        _ => String::new(),
    };
    let cancel = " Cancel ";
    let most = usize::from(inner.width).saturating_sub(text::width(cancel) + 3);
    let go = if text::width(&go) > most {
        format!("{} ", text::truncate_end(go.trim_end(), most.saturating_sub(1)))
    } else {
        go
    };
    let total = text::width(&go) + text::width(cancel) + 3;
    let mut x = inner.width.saturating_sub(total as u16);
    if layer.has_button()
        && let Some(plan) = layer.plan()
    {
        let (text, role) = holds(app, plan, usize::from(x.saturating_sub(1)));
        if text.is_empty() {
            // Beside a long button there is no room for it: it stands in the frame.
            let (text, role) = holds(app, plan, usize::from(inner.width));
            put(
                buf,
                area,
                2,
                area.height.saturating_sub(1),
                &format!(" {text} "),
                look.style(role),
            );
        }
        put(buf, inner, 0, y, &text, look.style(role));
    }
    let on_cancel = layer.focus == PlanFocus::Cancel;
    if on_cancel {
        cursor = Some(Position::new(inner.x + x, inner.y + y));
    }
    x += put(
        buf,
        inner,
        x,
        y,
        cancel,
        look.style(if on_cancel { Role::ButtonFocus } else { Role::Button }),
    ) + 2;
    if layer.has_button() {
        let on_go = layer.focus == PlanFocus::Go;
        if on_go {
            cursor = Some(Position::new(inner.x + x, inner.y + y));
        }
        put(
            buf,
            inner,
            x,
            y,
            &go,
            look.style(if on_go { Role::ButtonDanger } else { Role::Button }),
        );
    }
    cursor
}
