//! What was left unfinished: the list, and below it what the record says of the selected one, with what is there now.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::waiting::Reminder;
use super::{Look, frame, put, select, text as draw};
use crate::app::doc::Line;
use crate::app::layers::UnfinishedView;
use crate::app::live::{self, Field};
use crate::app::unfinished::{Item, change_line};
use crate::app::{App, Layer};
use crate::journal::replay::{Fate, Intent, RunLeft};
use crate::text;
use crate::theme::Role;

/// The line under the attention strip, while there is something that nobody has in hand.
pub fn line(app: &App, look: Look<'_>, area: Rect, buf: &mut Buffer) {
    let Some(words) = app.unfinished_line() else { return };
    let reminder = Reminder {
        mark: look.symbols.unknown,
        words: &format!("unfinished: {words}"),
        role: Role::Text,
        key: app.keys_for("unfinished.open"),
    };
    reminder.draw(look, area, buf);
}

/// Whether that line is on screen.
pub fn has_line(app: &App) -> bool {
    app.left_behind() > 0 && !app.layers.iter().any(|l| matches!(l, Layer::Unfinished(_)))
}

pub fn draw(app: &App, look: Look<'_>, view: &UnfinishedView, body: Rect, buf: &mut Buffer) -> Option<Position> {
    let title = ("Unfinished".to_owned(), look.style(Role::TitleFocus));
    let inner = frame(buf, body, look.style(Role::BorderFocus), &[title]);
    let items = &app.unfinished.items;
    if items.is_empty() {
        let words = "nothing was left unfinished here in the last 7 days";
        put(buf, inner, 1, 0, words, look.style(Role::TextMuted));
        let here = match app.under_way().len() {
            0 => return None,
            1 => "1 runbook is under way in this console".to_owned(),
            n => format!("{n} runbooks are under way in this console"),
        };
        let words = format!("{here}: {} goes to it", app.keys_for("runbook.resume"));
        put(buf, inner, 1, 1, &words, look.style(Role::Text));
        return None;
    }
    let cursor = view.cursor.min(items.len() - 1);
    let shown = items.len().min(usize::from(inner.height / 3).max(1));
    let first = (cursor + 1).saturating_sub(shown);
    let mut at = None;
    for (y, (i, item)) in items.iter().enumerate().skip(first).take(shown).enumerate() {
        let y = y as u16;
        let (mark, words, role) = match item {
            Item::Change(hash) => {
                let words = app.unfinished.replay.intent_of(hash).map(change_line);
                (look.symbols.unknown, words, Role::Warn)
            }
            Item::Run { key, alive } => {
                let words = app.unfinished.replay.run_of(key).map(|run| app.run_line(run));
                let mark = if *alive {
                    look.symbols.live
                } else {
                    look.symbols.waiting
                };
                (mark, words, Role::Text)
            }
        };
        put(buf, inner, 1, y, mark, look.style(role));
        let words = text::clean(&words.unwrap_or_default()).into_owned();
        let room = usize::from(inner.width.saturating_sub(4));
        put(
            buf,
            inner,
            3,
            y,
            &text::truncate_end(&words, room),
            look.style(Role::TextStrong),
        );
        if i == cursor {
            let row = Rect::new(inner.x, inner.y + y, inner.width, 1);
            select(look, buf, row, Role::Selection);
            at = Some(Position::new(inner.x, inner.y + y));
        }
    }
    let lines = match items.get(cursor) {
        Some(Item::Run { key, alive }) => app.unfinished.replay.run_of(key).map(|run| run_lines(app, run, *alive)),
        Some(Item::Change(hash)) => app.unfinished.replay.intent_of(hash).map(|i| change_lines(app, i)),
        None => None,
    };
    let below = shown as u16 + 1;
    let width = usize::from(inner.width.saturating_sub(2));
    let room = usize::from(inner.height.saturating_sub(below));
    for (y, line) in draw::wrapped(&lines.unwrap_or_default(), width, true)
        .iter()
        .take(room)
        .enumerate()
    {
        let mut x = 1;
        for (words, role) in &line.0 {
            x += put(buf, inner, x, below + y as u16, &text::clean(words), look.style(*role));
        }
    }
    at
}

fn run_lines(app: &App, run: &RunLeft, alive: bool) -> Vec<Line> {
    let when = |at: jiff::Timestamp| at.strftime("%F %H:%M:%SZ").to_string();
    let mut lines = vec![
        Line::pair("runbook", format!("{} (run {})", run.title, run.book.run)),
        Line::pair("about", run.subject.as_str()),
        Line::pair(
            "stood at",
            format!("step {} of {}: {}", run.at.min(run.of), run.of, run.step),
        ),
        Line::pair(
            "last",
            format!("{} at {} by {} on {}", run.what, when(run.last), run.who, run.host),
        ),
    ];
    if let Some(change) = &run.change {
        let (words, role) = match app.unfinished.replay.fate(&change.plan) {
            Fate::NotSent => ("confirmed, but nothing was sent".to_owned(), Role::Text),
            Fate::Unknown(why) => (format!("nobody knows whether it happened: {why}"), Role::Warn),
            Fate::Ended { outcome, verdict, .. } => {
                let end = verdict.unwrap_or_else(|| "nobody watched it to its end".to_owned());
                (format!("{outcome}; {end}"), Role::Text)
            }
        };
        lines.push(Line::pair("change", change.title.as_str()));
        lines.push(Line::pair_role("", words, role));
    }
    for (_, note) in run.notes.iter().rev().take(3).rev() {
        lines.push(Line::pair("note", note.as_str()));
    }
    if let Some(book) = app.books.get(&run.book.id)
        && book.digest != run.book.sha256
    {
        let words = "the runbook was changed since: you are asked before it is gone on with";
        lines.push(Line::pair_role("", words, Role::Warn));
    }
    let undecided = app.undecided_change(run).is_some();
    let ours = run.who == app.unfinished.me || run.to.is_some();
    let [go, take, close] = ["resume", "take", "close"].map(|verb| app.keys_for(&format!("unfinished.{verb}")));
    let again = "Nothing is sent again by itself.";
    let next = match (alive, ours, undecided) {
        (true, ..) => format!("It is under way in another console. {take} takes it over, with a reason."),
        (_, _, true) => "Say first what became of its change: it stands in this list.".to_owned(),
        (_, true, _) => format!("{go} goes on where it stood; {close} closes it with a reason. {again}"),
        (_, false, _) => format!("{take} takes it over, with a reason; {close} closes it with a reason. {again}"),
    };
    lines.push(Line::default());
    lines.push(Line::new(next, Role::TextMuted));
    lines
}

fn change_lines(app: &App, intent: &Intent) -> Vec<Line> {
    let mut lines = vec![Line::pair("sent", format!("{} {}", intent.method, intent.path))];
    if !intent.reason.is_empty() {
        lines.push(Line::pair("reason", intent.reason.as_str()));
    }
    if let Some(run) = &intent.run {
        lines.push(Line::pair(
            "for",
            format!("{} (run {}), step {}", run.id, run.run, run.step),
        ));
    }
    let fields = live::fields(&app.world, intent);
    for field in &fields {
        lines.push(compared(field));
    }
    lines.push(Line::default());
    let says: Vec<Option<bool>> = fields.iter().map(Field::says).collect();
    let (words, role) = if !says.is_empty() && says.iter().all(|s| *s == Some(true)) {
        ("What is there now is as the change would have made it.", Role::Text)
    } else if !says.is_empty() && says.iter().all(|s| *s == Some(false)) {
        ("What is there now is as it was before the change.", Role::Text)
    } else {
        ("This list cannot tell: look at the object itself.", Role::Warn)
    };
    lines.push(Line::new(words, role));
    let [yes, no] = ["happened", "not"].map(|verb| app.keys_for(&format!("unfinished.{verb}")));
    lines.push(Line::new(
        format!("It is not sent again. {yes} it happened, {no} it did not: what shows it goes on record."),
        Role::TextMuted,
    ));
    lines
}

/// `replicas    2 → 5   now 5`
fn compared(field: &Field) -> Line {
    let cut = |words: &str| text::truncate_end(words, 40).into_owned();
    let line = Line::pair(&field.name, format!("{} → {}", cut(&field.before), cut(&field.after)));
    match &field.now {
        Some(now) => line.and("   now ", Role::TextMuted).and(cut(now), Role::TextStrong),
        None => line.and("   not watched here", Role::TextMuted),
    }
}
