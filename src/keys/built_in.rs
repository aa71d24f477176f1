//! The keymaps that are built in, and the stacks of contexts that the screens put keys through.

use super::Source;

/// The text of `keymaps/default.toml`, on which the others lie.
pub const DEFAULT_KEYMAP: &str = include_str!("../../keymaps/default.toml");

/// The built-in keymaps: name and text.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("default", DEFAULT_KEYMAP),
    ("vim", include_str!("../../keymaps/vim.toml")),
    ("emacs", include_str!("../../keymaps/emacs.toml")),
    ("k9s", include_str!("../../keymaps/k9s.toml")),
];

/// Every stack of contexts that a screen has, innermost first. A key that none of them leads to a command cannot be
/// typed. `tests/house.rs` holds it against what the layers say.
pub const STACKS: &[&[&str]] = &[
    &["strip", "global"],
    &["pods", "list", "global"],
    &["rollouts", "list", "global"],
    &["queues", "list", "global"],
    &["queries", "list", "global"],
    &["redis", "list", "global"],
    &["certificates", "list", "global"],
    &["events", "list", "global"],
    &["alerts", "list", "global"],
    &["nodes", "list", "global"],
    &["detail", "view", "pods", "global"],
    &["detail", "view", "rollouts", "global"],
    &["detail", "view", "nodes", "global"],
    &["queues", "view", "global"],
    &["queries", "view", "global"],
    &["redis", "view", "global"],
    &["certificates", "view", "global"],
    &["nodes", "view", "global"],
    &["alerts", "view", "global"],
    &["view", "global"],
    &["logs", "view", "global"],
    &["history", "list", "view", "global"],
    &["chart", "global"],
    &["plan"],
    &["runbook", "global"],
    &["picker"],
    &["palette"],
    &["text"],
    &["help"],
    &["question"],
    &["activity", "list", "global"],
    &["unfinished", "list", "global"],
    &["incident", "global"],
    &["timeline", "view", "global"],
    &["message"],
    &["approval"],
    &["company"],
];

pub(super) const DEFAULT: Source<'static> = Source {
    name: "keymaps/default.toml",
    text: DEFAULT_KEYMAP,
};

/// The built-in keymap of that name, with what it lies on; nothing for `none`.
pub(super) fn below(name: &str) -> Option<Vec<Source<'static>>> {
    let layers: &[_] = match name {
        "none" => &[],
        "default" => &[DEFAULT],
        name => {
            let (known, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
            &[DEFAULT, Source { name: known, text }]
        }
    };
    Some(layers.to_vec())
}
