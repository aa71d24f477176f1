//! The pictures under `screenshots/`, drawn by the program itself. `UPDATE=1 cargo test --test screenshots` draws them
//! anew; without it the test fails when a picture is no longer true.
//!
//! To look at them: with `PICTURES=folder` each lies there in every theme, in 16 colours of ASCII and in mono;
//! `PICTURES_AT=80x24` takes that size for all of them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::large_futures)]

#[path = "stage/access.rs"]
mod access;
#[path = "stage/contrast.rs"]
mod contrast;
#[path = "stage/golden.rs"]
mod golden;
#[path = "stage/mod.rs"]
mod stage;

use contrast::Faint;
use golden::Goldens;
use jiff::{SignedDuration, Timestamp};
use quarterdeck::action::Class;
use quarterdeck::app::Msg;
use quarterdeck::app::fleet::{Sister, SisterState};
use quarterdeck::picture::{Drawn, Paper, draw, svg};
use quarterdeck::signal::Severity;
use quarterdeck::theme::{BUILT_IN, Depth, Glyphs, Theme};
use stage::{Setting, Stage};

struct Album {
    stage: Stage,
    goldens: Goldens,
    faint: Faint,
}

impl Album {
    async fn open(setting: Setting) -> Self {
        Self {
            stage: Stage::open(setting).await,
            goldens: Goldens::default(),
            faint: Faint::default(),
        }
    }

    fn shot(&mut self, name: &str) {
        let drawn = self.shot_as(name, "dark", Depth::True);
        access::holds(name, &mut self.stage.app, &drawn);
        self.faint.look(name, &mut self.stage.app);
    }

    fn finish(self) {
        self.goldens.finish();
        self.faint.finish();
    }

    fn shot_as(&mut self, name: &str, theme: &str, depth: Depth) -> Drawn {
        let theme = Theme::built_in(theme, depth);
        let paper = Paper {
            theme: &theme,
            depth,
            glyphs: Glyphs::Unicode,
            title: "qd",
        };
        let drawn = draw(&mut self.stage.app, paper);
        if looked_at().is_none() {
            self.goldens
                .text(&format!("screenshots/{name}.svg"), &svg(&drawn, paper));
        }
        if let Some(folder) = std::env::var_os("PICTURES") {
            self.show(name, &std::path::PathBuf::from(folder));
        }
        drawn
    }

    fn show(&mut self, name: &str, folder: &std::path::Path) {
        let other = [
            ("dark", Depth::Mono, Glyphs::Unicode),
            ("dark", Depth::Sixteen, Glyphs::Ascii),
        ];
        let looks = BUILT_IN.iter().map(|(theme, _)| (*theme, Depth::True, Glyphs::Unicode));
        for (theme_name, depth, glyphs) in looks.chain(other) {
            let theme = Theme::built_in(theme_name, depth);
            let title = "qd";
            let paper = Paper {
                theme: &theme,
                depth,
                glyphs,
                title,
            };
            let drawn = draw(&mut self.stage.app, paper);
            let file = folder.join(format!("{name}.{theme_name}.{depth:?}.svg"));
            std::fs::write(file, svg(&drawn, paper)).unwrap();
        }
    }

    async fn resize(&mut self, columns: u16, rows: u16) {
        let (columns, rows) = looked_at().unwrap_or((columns, rows));
        self.stage.resize(columns, rows).await;
    }
}

/// The size that was asked for, to look at everything in it.
fn looked_at() -> Option<(u16, u16)> {
    let size = std::env::var("PICTURES_AT").ok()?;
    let (columns, rows) = size.split_once('x')?;
    Some((columns.parse().ok()?, rows.parse().ok()?))
}

/// Four other platforms, each in another state.
fn fleet(now: Timestamp) -> Vec<Sister> {
    let seen = |worst: Option<(Severity, &str)>, critical, warning| SisterState::Seen {
        worst: worst.map(|(severity, words)| (severity, words.to_owned())),
        critical,
        warning,
    };
    let ago = |minutes| now - SignedDuration::from_mins(minutes);
    let worst = |words: &str| Some((Severity::Warning, words.to_owned()));
    [
        (
            "acme-eu",
            Class::Production,
            seen(
                Some((Severity::Critical, "rollout web stalled 1/3, 4m: CrashLoopBackOff")),
                1,
                2,
            ),
        ),
        ("acme-us", Class::Production, seen(None, 0, 0)),
        (
            "edge",
            Class::Staging,
            SisterState::Stale {
                worst: worst("node n3 not ready, 12m"),
                why: "connection reset".to_owned(),
                since: ago(5),
            },
        ),
        (
            "lab",
            Class::Local,
            SisterState::Lost {
                why: "10.8.0.1:6443: connection refused".to_owned(),
                since: ago(9),
            },
        ),
    ]
    .map(|(name, class, state)| Sister {
        name: name.to_owned(),
        class,
        state,
    })
    .into()
}

#[tokio::test]
async fn the_pictures_show_what_the_console_draws() {
    let wide = Setting {
        size: looked_at().unwrap_or((120, 40)),
        sources: true,
        ..Setting::default()
    };
    let mut a = Album::open(wide).await;
    a.shot("overview");
    a.shot_as("light", "light", Depth::True);
    a.shot_as("mono", "dark", Depth::Mono);
    a.stage.tell(Msg::Fleet(fleet(a.stage.now()))).await;
    a.shot("fleet");
    a.resize(80, 24).await;
    a.shot("small-fleet");
    a.stage.tell(Msg::Fleet(Vec::new())).await;
    a.shot("small");
    a.resize(120, 40).await;
    a.stage.keys("1 z").await;
    a.shot("pods");
    for (key, name) in [
        ("2", "rollouts"),
        ("4", "queries"),
        ("5", "redis"),
        ("6", "certificates"),
        ("7", "events"),
        ("9", "nodes"),
    ] {
        a.stage.keys(key).await;
        a.shot(name);
    }
    // The one whose jobs fail.
    a.stage.keys("3 G enter").await;
    a.shot("queue");
    a.stage.keys("esc 8").await;
    a.shot("alerts");
    a.stage.keys("z 2 H tab tab tab tab").await;
    a.shot("chart");
    a.stage.keys("esc").await;
    a.stage.keys("h").await;
    a.shot("history");
    a.stage.keys("enter").await;
    a.stage.hold(400).await;
    a.shot("plan");
    a.stage.keys("esc esc l").await;
    a.shot("logs");
    a.stage.keys("esc r enter enter enter").await;
    a.stage.hold(1000).await;
    a.shot("runbook");
    let mut b = Album::open(Setting {
        read_only: true,
        user: Some("viewer"),
        ..wide
    })
    .await;
    b.stage.keys("a").await;
    b.stage.hold(400).await;
    b.shot("observer");
    let mut c = Album::open(wide).await;
    c.stage.read_journal().await;
    c.stage.keys("i down enter ctrl-u").await;
    c.stage.write("Checkout is slow").await;
    c.stage.keys("enter").await;
    c.stage.hold(1000).await;
    for (keys, words) in [
        ("f down enter", "One order in five fails"),
        ("d", "no deploy until it is over"),
        ("t", "tell support"),
        ("n", "the release of 13:56 is suspected"),
    ] {
        c.stage.keys(keys).await;
        c.stage.write(words).await;
        c.stage.keys("enter").await;
    }
    c.shot("incident");
    a.finish();
    b.finish();
    c.finish();
}
