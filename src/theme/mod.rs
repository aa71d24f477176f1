//! Themes: what a thing means, and how that looks.
//!
//! Code asks for a [`Role`] (`Role::Warn`, `Role::Selection`) and gets a style; only this module and the files under
//! `themes/` name colours. A theme is TOML: a palette, an optional parent, and a style for each role. A role that a theme
//! does not name takes the style of its parent (`badge.prod` → `badge` → `text`). Depths where the nearest colour would
//! be a poor choice have overrides: `[depth.16]`, `[depth.mono]`. [`symbols`] holds the glyphs and their ASCII forms.

pub mod colour;
pub mod depth;
mod doubts;
mod load;
mod role;
pub mod symbols;
pub mod vision;

pub use depth::Depth;
pub use doubts::Doubt;
pub use load::Theme;
pub use role::Role;
pub use symbols::{Glyphs, Symbols};

/// The colour that the terminal itself writes in.
pub const TERMINALS_OWN: ratatui::style::Color = ratatui::style::Color::Reset;

/// The built-in themes: name and text.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("dark", include_str!("../../themes/dark.toml")),
    ("light", include_str!("../../themes/light.toml")),
    ("contrast", include_str!("../../themes/contrast.toml")),
    ("ansi16", include_str!("../../themes/ansi16.toml")),
    ("mono", include_str!("../../themes/mono.toml")),
    ("catppuccin-mocha", include_str!("../../themes/catppuccin-mocha.toml")),
    ("dracula", include_str!("../../themes/dracula.toml")),
    ("gruvbox-dark", include_str!("../../themes/gruvbox-dark.toml")),
    ("nord", include_str!("../../themes/nord.toml")),
    ("solarized-dark", include_str!("../../themes/solarized-dark.toml")),
    ("solarized-light", include_str!("../../themes/solarized-light.toml")),
    ("tokyo-night", include_str!("../../themes/tokyo-night.toml")),
];
