//! What the console costs by itself: `cargo bench`. The rows are real: the demonstration platform serves them over TLS and
//! the feeds read them, once; then only the state, the drawing and the bytes are measured.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, missing_docs)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use divan::{Bencher, black_box};
use jiff::Timestamp;
use quarterdeck::action::Class;
use quarterdeck::app::{Access, App, Connection, Msg, Start};
use quarterdeck::feed::Inbox;
use quarterdeck::feed::kube::{self as feed, ContextChoice, Demand, Feeds};
use quarterdeck::keys::Chord;
use quarterdeck::model::{Batch, Change, FeedId, Freshness, Place, Pod, Scope, World};
use quarterdeck::signal::Judge;
use quarterdeck::sim::demo;
use quarterdeck::term::Screen;
use quarterdeck::theme::{Depth, Glyphs, Symbols, Theme};
use quarterdeck::ui::{self, Look};
use ratatui::Terminal;
use ratatui::layout::Size;

const SIZES: [usize; 2] = [10_000, 50_000];
const COLUMNS: u16 = 160;
const ROWS: u16 = 45;

fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    for pods in SIZES {
        let mut deck = Deck::new(pods);
        let first = deck.draw();
        let cursor = deck.key("j");
        deck.key("k");
        deck.pass(6);
        let one = deck.news(1);
        let some = deck.news(25);
        let page = deck.key("ctrl-f");
        println!(
            "{pods} pods, {COLUMNS}x{ROWS}, truecolour, bytes: first paint {first}, cursor {cursor}, page {page}, \
             1 pod changed {one}, 25 pods changed {some}"
        );
    }
    divan::main();
}

type Rows = Arc<(Place, Vec<Batch>)>;

/// All rows of a platform with so many pods, as they arrived. Read once.
fn rows(pods: usize) -> Rows {
    static READ: OnceLock<Mutex<BTreeMap<usize, Rows>>> = OnceLock::new();
    let mut read = READ.get_or_init(Mutex::default).lock().unwrap();
    Arc::clone(read.entry(pods).or_insert_with(|| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        Arc::new(runtime.block_on(fetch(pods)))
    }))
}

async fn fetch(pods: usize) -> (Place, Vec<Batch>) {
    let options = demo::Options {
        pods,
        ..demo::Options::default()
    };
    let demo = demo::start(options).await.unwrap();
    let choice = ContextChoice {
        kubeconfig: Some(demo.kubeconfig().to_path_buf()),
        context: Some("demo".to_owned()),
        scope: Some(Scope::All),
        platform: None,
        signed_in: None,
    };
    let cluster = feed::connect(choice, feed::Access::ReadOnly).await.unwrap();
    let place = cluster.place().clone();
    let inbox = Inbox::new();
    let (_demand, wanted) = tokio::sync::watch::channel(Demand::signals());
    let _feeds = Feeds::start(cluster, Scope::All, inbox.clone(), wanted);
    let (mut world, mut batches) = (World::default(), Vec::new());
    while !quarterdeck::signal::KINDS
        .iter()
        .all(|k| *world.feed(FeedId::Watch(*k)) == Freshness::Fresh)
    {
        tokio::time::timeout(Duration::from_secs(120), inbox.ready())
            .await
            .unwrap();
        // As often as the console draws: a batch for each row would be judged and sorted fifty thousand times.
        tokio::time::sleep(Duration::from_millis(250)).await;
        let batch = inbox.drain().unwrap();
        world.apply(batch.clone());
        batches.push(batch);
    }
    demo.stop().await;
    (place, batches)
}

/// The console without a terminal: its frames go to a counter.
struct Deck {
    app: App,
    terminal: Terminal<Screen<std::io::Sink>>,
    theme: Theme,
    now: Timestamp,
    pods: Vec<Arc<Pod>>,
    turn: usize,
}

impl Deck {
    fn new(pods: usize) -> Self {
        let rows = rows(pods);
        let (place, batches) = &*rows;
        let now = Timestamp::now();
        let keys = quarterdeck::run::keymap(&quarterdeck::config::Config::default()).map;
        let (mut app, _) = App::new(Start {
            sources: Vec::new(),
            now,
            size: (COLUMNS, ROWS),
            access: Access::Operator,
            keys,
            thresholds: quarterdeck::signal::Thresholds::default(),
            books: quarterdeck::runbook::library::Library::built_in(),
            context: None,
            scope: Some(Scope::All),
        });
        let connected = Connection::Connected {
            place: place.clone(),
            class: Class::Local,
        };
        app.update(Msg::Connection(connected), now);
        for batch in batches {
            app.update(Msg::World(batch.clone()), now);
        }
        let screen = Screen::new(std::io::sink(), Size::new(COLUMNS, ROWS), Depth::True, Glyphs::Unicode);
        let changing = app
            .world
            .pods
            .values()
            .filter(|p| p.is_ready)
            .take(5000)
            .cloned()
            .collect();
        Self {
            app,
            terminal: Terminal::new(screen).unwrap(),
            theme: Theme::built_in("dark", Depth::True),
            now,
            pods: changing,
            turn: 0,
        }
    }

    fn pass(&mut self, seconds: i64) {
        self.now += jiff::SignedDuration::from_secs(seconds);
    }

    /// Draws; the bytes it took.
    fn draw(&mut self) -> u64 {
        let before = self.terminal.backend().bytes_written();
        ui::fit(&mut self.app);
        let look = Look {
            theme: &self.theme,
            symbols: Symbols::of(Glyphs::Unicode),
        };
        let app = &self.app;
        self.terminal.draw(|frame| ui::view(app, look, frame)).unwrap();
        self.terminal.backend().bytes_written() - before
    }

    /// One key, from the press to the bytes.
    fn key(&mut self, key: &str) -> u64 {
        let chord: Chord = key.parse().unwrap();
        black_box(self.app.update(Msg::Key(chord), self.now));
        self.draw()
    }

    /// So many pods restart a container.
    fn news(&mut self, count: usize) -> u64 {
        let mut batch = Batch::default();
        for _ in 0..count {
            self.turn = (self.turn + 7) % self.pods.len();
            let mut pod = (*self.pods[self.turn]).clone();
            pod.restarts += 1;
            let pod = Arc::new(pod);
            self.pods[self.turn] = Arc::clone(&pod);
            batch.changes.push(Change::Pod(pod.meta.key(), Some(pod)));
        }
        self.app.update(Msg::World(batch), self.now);
        self.draw()
    }
}

fn with(bencher: Bencher<'_, '_>, pods: usize, prepare: &[&str], mut what: impl FnMut(&mut Deck, usize)) {
    let mut deck = Deck::new(pods);
    deck.draw();
    for key in prepare {
        deck.key(key);
    }
    let mut n = 0;
    bencher.bench_local(|| {
        n += 1;
        what(&mut deck, n);
    });
}

/// A cursor move, from the key to the bytes.
#[divan::bench(args = SIZES)]
fn key_cursor(bencher: Bencher<'_, '_>, pods: usize) {
    with(bencher, pods, &[], |deck, n| {
        deck.key(if n % 2 == 0 { "j" } else { "k" });
    });
}

/// One character more, then one less, in the filter.
#[divan::bench(args = SIZES)]
fn key_filter(bencher: Bencher<'_, '_>, pods: usize) {
    with(bencher, pods, &["/", "l", "o", "a"], |deck, n| {
        deck.key(if n % 2 == 0 { "d" } else { "backspace" });
    });
}

/// The same in a pattern, which is asked of every row anew.
#[divan::bench(args = SIZES)]
fn key_filter_pattern(bencher: Bencher<'_, '_>, pods: usize) {
    with(bencher, pods, &["/", "/", "l", "o", ".", "*", "a"], |deck, n| {
        deck.key(if n % 2 == 0 { "d" } else { "backspace" });
    });
}

/// The same in a column and a label.
#[divan::bench(args = SIZES)]
fn key_filter_column(bencher: Bencher<'_, '_>, pods: usize) {
    let typed = [
        "/", "a", "p", "p", "=", "c", "*", "space", "r", "e", "s", "t", "a", "r", "t", "s", ">", "1",
    ];
    with(bencher, pods, &typed, |deck, n| {
        deck.key(if n % 2 == 0 { "0" } else { "backspace" });
    });
}

/// One character more, then one less, in the palette, with every pod in it.
#[divan::bench(args = SIZES)]
fn key_palette(bencher: Bencher<'_, '_>, pods: usize) {
    with(bencher, pods, &[":", "l", "o", "a"], |deck, n| {
        deck.key(if n % 2 == 0 { "d" } else { "backspace" });
    });
}

/// Another order of the whole table.
#[divan::bench(args = SIZES)]
fn key_sort(bencher: Bencher<'_, '_>, pods: usize) {
    with(bencher, pods, &[], |deck, n| {
        deck.key("s");
        deck.key(if n % 2 == 0 { "a" } else { "w" });
    });
}

/// What a quarter of a second brings at 100 changes a second.
#[divan::bench(args = SIZES)]
fn data_25_changes(bencher: Bencher<'_, '_>, pods: usize) {
    with(bencher, pods, &[], |deck, _| {
        deck.pass(1);
        deck.news(25);
    });
}

/// The same while the cursor moves and the order holds.
#[divan::bench(args = SIZES)]
fn data_25_changes_order_held(bencher: Bencher<'_, '_>, pods: usize) {
    with(bencher, pods, &["j"], |deck, _| {
        deck.news(25);
    });
}

/// Drawing alone.
#[divan::bench(args = SIZES)]
fn draw(bencher: Bencher<'_, '_>, pods: usize) {
    with(bencher, pods, &[], |deck, _| {
        black_box(deck.draw());
    });
}

/// All rules after a change: of pods only what changed is looked at.
#[divan::bench(args = SIZES)]
fn judge(bencher: Bencher<'_, '_>, pods: usize) {
    let deck = Deck::new(pods);
    let mut world = deck.app.world;
    let mut judge = Judge::default();
    bencher.bench_local(|| {
        world.version += 1;
        judge.update(black_box(&world), deck.now)
    });
}

/// All rules over all rows.
#[divan::bench(args = SIZES)]
fn judge_anew(bencher: Bencher<'_, '_>, pods: usize) {
    let deck = Deck::new(pods);
    bencher.bench_local(|| Judge::default().update(black_box(&deck.app.world), deck.now));
}
