//! The pictures under `screenshots/`, drawn by the program itself. `UPDATE=1 cargo test --test screenshots` draws them
//! anew; without it the test fails when a picture is no longer true.
#![allow(clippy::unwrap_used, clippy::large_futures)]

#[path = "stage/golden.rs"]
mod golden;
#[path = "stage/mod.rs"]
mod stage;

use golden::Goldens;
use quarterdeck::picture::{Paper, draw, svg};
use quarterdeck::theme::{Depth, Glyphs, Theme};
use stage::{Setting, Stage};

struct Album {
    stage: Stage,
    goldens: Goldens,
}

impl Album {
    async fn open(setting: Setting) -> Self {
        Self {
            stage: Stage::open(setting).await,
            goldens: Goldens::default(),
        }
    }

    fn shot(&mut self, name: &str) {
        self.shot_as(name, "dark", Depth::True);
    }

    fn shot_as(&mut self, name: &str, theme: &str, depth: Depth) {
        let theme = Theme::built_in(theme, depth);
        let paper = Paper {
            theme: &theme,
            depth,
            glyphs: Glyphs::Unicode,
            title: "qd",
        };
        let drawn = draw(&mut self.stage.app, paper);
        self.goldens
            .text(&format!("screenshots/{name}.svg"), &svg(&drawn, paper));
    }
}

#[tokio::test]
async fn the_pictures_show_what_the_console_draws() {
    let wide = Setting {
        size: (120, 40),
        sources: true,
        ..Setting::default()
    };
    let mut a = Album::open(wide).await;
    a.shot("overview");
    a.shot_as("light", "light", Depth::True);
    a.shot_as("mono", "dark", Depth::Mono);
    a.stage.resize(80, 24).await;
    a.shot("small");
    a.stage.resize(120, 40).await;
    a.stage.keys("4 z").await;
    a.shot("queries");
    a.stage.keys("3 enter").await;
    a.shot("queue");
    a.stage.keys("esc 8").await;
    a.shot("alerts");
    a.stage.keys("z 2").await;
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
    a.goldens.finish();
    b.goldens.finish();
}
