//! Keymap and theme, while the console runs.

use crate::app::App;
use crate::app::command::{Command, always};
use crate::app::msg::Effect;

const G: &str = "Console";

pub(super) const TABLE: &[Command] = &[
    Command {
        id: "theme.pick",
        doc: "choose a theme: each is shown at the cursor, cancelling goes back",
        short: "theme",
        group: G,
        when: has_themes,
        run: App::pick_theme,
    },
    Command {
        id: "keymap.reload",
        doc: "read the keymap's files again; if one is wrong, nothing changes",
        short: "read keys",
        group: G,
        when: always,
        run: |_| vec![Effect::LoadKeymap],
    },
];

fn has_themes(app: &App) -> Result<(), String> {
    if app.taste.themes.is_empty() {
        Err("there is no other theme here".to_owned())
    } else {
        Ok(())
    }
}
