//! ui
pub const fn shows_all_panes(size: (u16, u16)) -> bool { size.0 >= 110 && size.1 >= 30 }
