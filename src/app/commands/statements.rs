//! How the server would run a statement of PostgreSQL: asked for, never tried.

use crate::app::command::Command;
use crate::app::doc::Scroll;
use crate::app::layers::{Content, TextView};
use crate::app::msg::{Effect, Fetch};
use crate::app::{App, ItemRef, Layer};
use crate::model::Str;

/// The first version that plans without the parameters' values.
const GENERIC_PLAN: u32 = 160_000;

pub(super) const TABLE: &[Command] = &[Command {
    id: "statement.plan",
    doc: "show how the server would run the statement, without running it (PostgreSQL 16 and later)",
    short: "explain",
    group: "Objects",
    when: |app| statement(app).map(|_| ()),
    run: plan,
}];

/// The source and the text of the statement at hand.
fn statement(app: &App) -> Result<(Str, String), String> {
    let none = || "needs a statement or a session that runs one".to_owned();
    let (source, found) = match app.item_at_hand() {
        Some(ItemRef::Statement { source, id }) => {
            let pg = app.world.sources.postgres.get(source).ok_or_else(none)?;
            let all = pg.statements.last().ok_or_else(none)?;
            let s = all.rows.iter().find(|s| s.id == *id).ok_or_else(none)?;
            (
                source,
                s.text
                    .as_deref()
                    .map(|text| (text.to_owned(), Some(s.database.clone()))),
            )
        }
        Some(ItemRef::Session { source, pid, .. }) => {
            let pg = app.world.sources.postgres.get(source).ok_or_else(none)?;
            let all = pg.activity.last().ok_or_else(none)?;
            let s = all.iter().find(|s| s.pid == *pid).ok_or_else(none)?;
            (source, s.query.clone().map(|text| (text, s.database.clone())))
        }
        _ => return Err(none()),
    };
    let (text, database) = found
        .filter(|(text, _)| !text.is_empty())
        .ok_or("its text is not known")?;
    let pg = app.world.sources.postgres.get(source).and_then(|p| p.server.last());
    let server = pg.ok_or("the server was not reached yet")?;
    if server.version_num < GENERIC_PLAN {
        return Err(format!(
            "a plan without the parameters' values needs PostgreSQL 16, this is {}",
            server.version
        ));
    }
    match database {
        Some(of) if of != server.database => Err(format!(
            "it belongs to database {of}, and {source} is connected to {}",
            server.database
        )),
        _ => Ok((source.clone(), text)),
    }
}

fn plan(app: &mut App) -> Vec<Effect> {
    let (source, statement) = match statement(app) {
        Ok(found) => found,
        Err(why) => return app.complain(why),
    };
    let token = app.next_token();
    app.layers.push(Layer::Text(TextView {
        title: format!("plan · {source} · not run"),
        object: None,
        content: Content::Loading(token),
        scroll: Scroll::default(),
        yaml: false,
    }));
    vec![Effect::Fetch(token, Fetch::Plan { source, statement })]
}
