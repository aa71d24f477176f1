//! Stillness: a screen that stands still because somebody said so, and one on which nothing moves by itself.

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::Hands;
use crate::action::{Outcome, Stage};
use crate::app::Msg;
use crate::app::taste::Taste;
use crate::model::{Batch, Change};
use crate::picture;
use crate::theme::{Depth, Theme, symbols};
use crate::ui::{self, Look, Still};

/// A terminal as the console draws on it.
struct Screen {
    terminal: Terminal<TestBackend>,
    still: Still,
    theme: Theme,
}

impl Screen {
    fn new(hands: &Hands) -> Self {
        let (width, height) = hands.app.size;
        Self {
            terminal: Terminal::new(TestBackend::new(width, height)).unwrap(),
            still: Still::default(),
            theme: Theme::built_in("dark", Depth::True),
        }
    }

    /// Draws what is to be drawn, as the loop does; all lines but the last, and the last.
    fn shows(&mut self, hands: &mut Hands) -> (String, String) {
        if std::mem::take(&mut hands.app.dirty) {
            ui::fit(&mut hands.app);
            let look = Look {
                theme: &self.theme,
                symbols: &symbols::UNICODE,
            };
            let (still, app) = (&mut self.still, &hands.app);
            self.terminal.draw(|frame| still.draw(app, look, frame)).unwrap();
        }
        let text = picture::text(self.terminal.backend().buffer());
        let (above, last) = text.trim_end().rsplit_once('\n').unwrap();
        (above.to_owned(), last.to_owned())
    }
}

/// Half of the pods go away, and the others crash.
fn worse(hands: &mut Hands) {
    let mut changes = Vec::new();
    for (i, pod) in hands.app.world.pods.values().enumerate() {
        let key = pod.meta.key();
        let mut pod = (**pod).clone();
        pod.status = "CrashLoopBackOff".into();
        (pod.is_ready, pod.ready) = (false, 0);
        changes.push(Change::Pod(key, (i % 2 == 0).then(|| pod.into())));
    }
    hands.tell(Msg::World(Batch {
        changes,
        ..Batch::default()
    }));
}

#[test]
fn a_screen_that_stands_still_shows_what_it_showed_and_since_when_until_the_next_key() {
    let mut hands = Hands::operator();
    let mut screen = Screen::new(&hands);
    let (before, footer) = screen.shows(&mut hands);
    assert!(footer.contains("help"), "{footer}");
    hands.press("P");
    let (shown, line) = screen.shows(&mut hands);
    assert_eq!(shown, before);
    assert!(line.starts_with(" FROZEN  for <1m: "), "{line}");
    // Minutes in which everything changes, each second of which may be drawn.
    for _ in 0..200 {
        hands.wait(1000);
        hands.tell(Msg::Tick);
        if hands.now.as_second() % 50 == 0 {
            worse(&mut hands);
        }
        let (shown, _) = screen.shows(&mut hands);
        assert_eq!(shown, before);
    }
    let (_, line) = screen.shows(&mut hands);
    assert!(line.starts_with(" FROZEN  for 3m: "), "{line}");
    hands.tell(Msg::Paste("x".to_owned()));
    assert_eq!(screen.shows(&mut hands).0, before);
    hands.press("2");
    let (shown, line) = screen.shows(&mut hands);
    assert!(!line.contains("FROZEN"), "{line}");
    let truth = hands.screen();
    assert_eq!(format!("{shown}\n{line}"), truth.trim_end());
    assert!(!before.contains("1 Pods 0/") && shown.contains("1 Pods 0/"), "{shown}");
    // Once more: it is the screen of then that stays, not that of the first time.
    hands.press("P");
    screen.shows(&mut hands);
    worse(&mut hands);
    assert_eq!(screen.shows(&mut hands).0, shown);
}

/// The screen without its numbers: clocks and ages, and the blanks before them.
fn without_numbers(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() || c == '<' { ' ' } else { c })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A restart that is being watched, ten seconds of it: how often something is to be drawn, and all that would be seen.
fn watched(still: bool) -> (usize, Vec<String>) {
    let mut hands = Hands::operator();
    hands.app.taste = Taste::new("dark".to_owned(), Vec::new(), still);
    hands.press("2");
    hands.select("cortex-web");
    let effects = hands.press("a r");
    let id = hands.answer(&effects);
    hands.confirm(&format!("word{}", id.0));
    let outcome = Outcome::Applied;
    hands.progress(id, Stage::Executed { step: 0, outcome });
    let text = "1 of 3 updated".to_owned();
    hands.progress(id, Stage::Verifying { text, worrying: false });
    // What was said is gone, and no minute ends within the ten seconds.
    for _ in 0..2 {
        hands.wait(61_000 - hands.now.as_millisecond().rem_euclid(60_000));
        hands.tell(Msg::Tick);
        hands.tell(Msg::Tick);
    }
    assert!(hands.app.activities[0].is_live() && hands.app.toasts.is_empty());
    hands.app.dirty = false;
    let (mut frames, mut seen) = (0, vec![hands.screen()]);
    for _ in 0..10 {
        hands.wait(1000);
        hands.tell(Msg::Tick);
        frames += usize::from(std::mem::take(&mut hands.app.dirty));
        seen.push(hands.screen());
    }
    (frames, seen)
}

#[test]
fn without_motion_nothing_moves_by_itself_but_clocks_and_ages_and_these_now_and_then() {
    let (moving, _) = watched(false);
    assert_eq!(moving, 10, "with it, seconds are counted");
    let (frames, seen) = watched(true);
    assert_eq!(frames, 1, "every ten seconds");
    assert!(seen[0].contains("1 of 3 updated"), "{}", seen[0]);
    for later in &seen {
        assert_eq!(without_numbers(later), without_numbers(&seen[0]));
    }
}
