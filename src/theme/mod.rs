//! Themes: what a thing means, and how that looks.
//!
//! Code asks for a [`Role`] (`Role::Warn`, `Role::Selection`) and gets a style; only this module and the files under
//! `themes/` name colours. A theme is TOML: a palette, an optional parent, and a style for each role. A role that a theme
//! does not name takes the style of its parent (`badge.prod` → `badge` → `text`). Depths where the nearest colour would
//! be a poor choice have overrides: `[depth.16]`, `[depth.mono]`. [`symbols`] holds the glyphs and their ASCII forms.

pub mod colour;
pub mod depth;
mod load;
mod role;
pub mod symbols;

pub use depth::Depth;
pub use load::Theme;
pub use role::Role;
pub use symbols::{Glyphs, Symbols};

/// The built-in themes: name and text.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("dark", include_str!("../../themes/dark.toml")),
    ("light", include_str!("../../themes/light.toml")),
];
