//! `qd status` and `qd snapshot`: what a platform looks like now, for somebody who has no console open.

use std::process::ExitCode;

use super::once::{EVERY, Need, Opened};
use super::records::leaves;
use super::{answer, complain, load, say};
use crate::cli::{Options, SnapshotArgs, SnapshotForm, StatusArgs, StatusForm};
use crate::feed::kube::access::CheckState;
use crate::headless::status::{About, fit, status as page};
use crate::journal::{Incidents, merged};
use crate::panes::{PANES, PaneId};
use crate::picture::{self, Paper};
use crate::run::{View, platforms_at, snapshot as take};
use crate::theme::Glyphs;

/// `qd status`
pub async fn status(mut options: Options, args: &StatusArgs) -> ExitCode {
    // Others read it: it says what an observer may see, and statements stand there without their values.
    options.read_only = true;
    let opened = match Opened::open(options, &EVERY, Need::Always).await {
        Ok(opened) => opened,
        Err(why) => {
            complain(&why);
            return ExitCode::from(2);
        }
    };
    let world = opened.look(&EVERY, true).await;
    let now = jiff::Timestamp::now();
    let mut judge = crate::signal::Judge::new(opened.config.signals.clone());
    judge.update(&world, now);
    let place = opened.cluster.as_ref().map(crate::feed::kube::Cluster::place);
    let platforms = match &opened.cluster {
        Some(cluster) => platforms_at(&opened.config, cluster).await,
        None => Vec::new(),
    };
    // What is on record here; without a record there is no incident to tell of.
    let leaves = leaves(&opened.config, &[]).unwrap_or_default();
    let incidents = Incidents::of(merged(leaves.iter().map(|l| &l.reading)));
    let named = opened.platform.name.clone();
    let no_cluster = match &opened.no_cluster {
        Some(CheckState::Unreachable { why }) => Some(why.as_str()),
        _ => None,
    };
    let about = About {
        platform: match place {
            Some(place) if named.is_empty() => &place.context,
            _ if named.is_empty() => "no platform",
            _ => &named,
        },
        class: place.map_or("", |p| opened.config.class(&platforms, &p.context, &p.server).word()),
        scope: &place.map_or_else(String::new, |p| p.scope.label()),
        incident: incidents.open_in(place.map(|p| p.context.as_str())),
        cluster: place.is_some(),
        no_cluster,
    };
    let mut told = page(&world, &judge, &about, now, args.output);
    let out = std::io::stdout();
    if args.output == StatusForm::Text && std::io::IsTerminal::is_terminal(&out) {
        told.text = fit(&told.text, usize::from(crate::term::tty::size(&out).width));
    }
    answer(Ok(told))
}

/// The pane that is called so: `certs` and other beginnings will do.
fn named(name: &str) -> Result<PaneId, String> {
    let names = || PANES.iter().map(|p| p.context).collect::<Vec<_>>().join(", ");
    let found = PANES.iter().find(|p| p.context == name);
    let found = found.or_else(|| PANES.iter().find(|p| p.context.starts_with(name.trim_end_matches('s'))));
    found
        .filter(|_| !name.is_empty())
        .map(|p| p.id)
        .ok_or_else(|| format!("there is no pane `{name}`; there are: {}", names()))
}

/// `qd snapshot`: exit code 0 with everything on it, 2 when something was not reached in time or nothing was written.
pub async fn snapshot(mut options: Options, args: &SnapshotArgs) -> ExitCode {
    // A picture is made with an observer's rights, whoever asks for it.
    options.read_only = true;
    match Box::pin(picture(options, args)).await {
        Ok(doubts) => {
            for doubt in &doubts {
                complain(doubt);
            }
            ExitCode::from(if doubts.is_empty() { 0 } else { 2 })
        }
        Err(why) => {
            complain(&why);
            ExitCode::from(2)
        }
    }
}

async fn picture(options: Options, args: &SnapshotArgs) -> Result<Vec<String>, String> {
    let by_name = args
        .output
        .as_deref()
        .and_then(|p| p.extension()?.to_str())
        .map(|e| match e {
            "svg" => SnapshotForm::Svg,
            "png" => SnapshotForm::Png,
            "ans" | "ansi" => SnapshotForm::Ansi,
            _ => SnapshotForm::Text,
        });
    let form = args.format.or(by_name).unwrap_or_default();
    let view = View {
        pane: args.pane.as_deref().map(named).transpose()?,
        size: args.size,
    };
    if form == SnapshotForm::Png && args.output.is_none() && std::io::IsTerminal::is_terminal(&std::io::stdout()) {
        return Err("a PNG would garble the terminal: name a file with --output".to_owned());
    }
    let loaded = load(options);
    for problem in &loaded.problems {
        complain(&problem.to_string());
    }
    let ascii = loaded.config.ui.symbols == crate::config::Symbols::Ascii;
    let mut shot = Box::pin(take(loaded, view)).await?;
    let title = shot
        .app
        .place()
        .map_or_else(|| "qd".to_owned(), |p| format!("qd · {}", p.context));
    let paper = Paper {
        theme: &shot.theme,
        depth: shot.depth,
        glyphs: if ascii { Glyphs::Ascii } else { Glyphs::Unicode },
        title: &title,
    };
    let drawn = picture::draw(&mut shot.app, paper);
    let bytes = match form {
        SnapshotForm::Text => picture::text(&drawn.cells).into_bytes(),
        SnapshotForm::Ansi => picture::ansi(&drawn, paper).into_bytes(),
        SnapshotForm::Svg => picture::svg(&drawn, paper).into_bytes(),
        SnapshotForm::Png => picture::png(&drawn, paper).map_err(|e| e.to_string())?,
    };
    match &args.output {
        Some(path) => std::fs::write(path, bytes).map_err(|e| format!("{}: cannot be written: {e}", path.display()))?,
        None => say(&bytes),
    }
    Ok(shot.doubts)
}
