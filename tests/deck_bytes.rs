//! The budgets of bytes (the design's section 8) for the real console on the demonstration platform, through the real
//! backend at 160×45 in true colour: what a link carries, not what a picture of ours would cost.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::panic, clippy::large_futures)]

#[path = "stage/mod.rs"]
mod stage;

use std::io::Write;
use std::sync::Arc;

use quarterdeck::app::Msg;
use quarterdeck::model::{Batch, Change, Pod};
use quarterdeck::term::Screen;
use quarterdeck::theme::{Depth, Glyphs, Symbols, Theme};
use quarterdeck::ui::{self, Look};
use ratatui::Terminal;
use ratatui::layout::Size;
use stage::{Setting, Stage};

/// A console and its terminal.
struct Wire<W: Write> {
    stage: Stage,
    terminal: Terminal<Screen<W>>,
    theme: Theme,
}

impl Wire<std::io::Sink> {
    async fn open() -> Self {
        let size = (160, 45);
        let screen = Screen::new(std::io::sink(), Size::new(size.0, size.1), Depth::True, Glyphs::Unicode);
        Self {
            stage: Stage::open(Setting {
                size,
                sources: true,
                ..Setting::default()
            })
            .await,
            terminal: Terminal::new(screen).unwrap(),
            theme: Theme::built_in("dark", Depth::True),
        }
    }

    /// Draws what is to be drawn; bytes and writes of it.
    fn draw(&mut self) -> (u64, u64) {
        let app = &mut self.stage.app;
        let backend = self.terminal.backend();
        let (bytes, writes) = (backend.bytes_written(), backend.writes());
        if app.dirty {
            ui::fit(app);
            let look = Look {
                theme: &self.theme,
                symbols: Symbols::of(Glyphs::Unicode),
            };
            self.terminal.draw(|frame| ui::view(app, look, frame)).unwrap();
            app.dirty = false;
        }
        let backend = self.terminal.backend();
        (backend.bytes_written() - bytes, backend.writes() - writes)
    }

    async fn tell(&mut self, pods: impl Iterator<Item = Arc<Pod>>) {
        let batch = Batch {
            changes: pods.map(|pod| Change::Pod(pod.meta.key(), Some(pod))).collect(),
            ..Batch::default()
        };
        self.stage.tell(Msg::World(batch)).await;
    }
}

#[tokio::test]
async fn a_frame_of_the_deck_is_one_small_write_and_nothing_new_is_none() {
    let mut wire = Wire::open().await;
    let first = wire.draw();
    assert_eq!(wire.draw(), (0, 0), "nothing changed");
    wire.stage.keys("j").await;
    let cursor = wire.draw();
    wire.stage.keys("2").await;
    let pane = wire.draw();
    wire.stage.pass(30).await;
    let data = wire.draw();
    println!("bytes, writes: first {first:?}, cursor {cursor:?}, another pane {pane:?}, half a minute later {data:?}");
    assert!(first.0 <= 20_000 && first.1 == 1, "first paint {first:?}");
    assert!((1..=1_000).contains(&cursor.0) && cursor.1 == 1, "cursor {cursor:?}");
    assert!((1..=2_000).contains(&pane.0) && pane.1 == 1, "another pane {pane:?}");
    assert!((1..=7_000).contains(&data.0) && data.1 == 1, "data {data:?}");
    // Under a zoomed table the row in full changes with the cursor.
    wire.stage.keys("z").await;
    let mut most = (0, "");
    for pane in ["2", "3", "4", "5", "6", "8", "9"] {
        wire.stage.keys(pane).await;
        wire.draw();
        for key in ["j", "j", "k", "G"] {
            wire.stage.keys(key).await;
            let (bytes, writes) = wire.draw();
            assert!(writes <= 1, "{pane}: {writes} writes");
            println!("pane {pane} zoomed, {key}: {bytes} bytes");
            most = most.max((bytes, pane));
        }
    }
    println!("cursor of a zoomed table: {most:?}");
    assert!((1..=2_000).contains(&most.0), "pane {}: {} bytes", most.1, most.0);
    wire.stage.keys("1 z").await;
    wire.draw();
    // Five minutes of an incident in which nothing happens any more, not even a signal that has lasted long enough to be
    // raised: the clock turns, and every age turns with it.
    wire.stage.hold(3_600_000).await;
    wire.stage.hold(1000).await;
    wire.draw();
    let (mut bytes, mut writes) = (0, 0);
    for _ in 0..300 {
        wire.stage.hold(1000).await;
        let frame = wire.draw();
        bytes += frame.0;
        writes += frame.1;
    }
    println!("five minutes of nothing: {bytes} bytes in {writes} writes");
    assert!(bytes <= 5 * 500, "{bytes} bytes in five minutes");
    assert!(writes <= 5, "{writes} writes in five minutes");
}

#[tokio::test]
async fn a_hundred_changes_a_second_cost_less_than_600_bytes_a_second() {
    let mut wire = Wire::open().await;
    let ready = wire.stage.app.world.pods.values().find(|p| p.is_ready).unwrap().clone();
    let mut pods: Vec<Arc<Pod>> = (0..10_000)
        .map(|n| {
            let mut pod = (*ready).clone();
            pod.meta.name = format!("load-{n:05}").into();
            pod.meta.uid = format!("load-{n:05}").into();
            Arc::new(pod)
        })
        .collect();
    wire.tell(pods.iter().cloned()).await;
    // The pods by name on the whole screen: some of those that change are seen.
    wire.stage.keys("z s n").await;
    wire.draw();
    let mut sent = 0;
    // Twenty seconds; four times a second what came since is drawn.
    for round in 0..80 {
        let mut changed = Vec::new();
        for n in 0..25 {
            // A tenth of them is in sight, more than of ten thousand ever would be.
            let seen = n % 10 == 0;
            let turn = if seen {
                (round + n) % 15
            } else {
                20 + (round * 175 + n * 7) % 9_980
            };
            let pod = Arc::make_mut(pods.get_mut(turn).unwrap());
            pod.restarts += 1;
            changed.push(Arc::new(pod.clone()));
        }
        wire.tell(changed.into_iter()).await;
        wire.stage.hold(250).await;
        sent += wire.draw().0;
    }
    println!("{} bytes a second", sent / 20);
    assert!(sent > 0, "it would measure nothing");
    assert!(sent <= 600 * 20, "{} bytes a second", sent / 20);
}
