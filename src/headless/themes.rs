//! `qd themes`: each theme as it will look.

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::picture::{Drawn, Paper, ansi};
use crate::text;
use crate::theme::{Depth, Glyphs, Role, Theme};

/// Columns of a preview.
const WIDTH: u16 = 78;

type Piece = (&'static str, Role);

/// Something of everything: a test holds that every role is in it.
const SAMPLE: &[&[Piece]] = &[
    &[
        (" QUARTERDECK ", Role::HeaderBrand),
        (" prod-eu/shop ", Role::Header),
        (" k8s 12s ", Role::HeaderMuted),
        (" PROD ", Role::BadgeProd),
        (" READ-ONLY ", Role::BadgeReadonly),
        (" STAGING ", Role::BadgeStaging),
        (" LOCAL ", Role::BadgeLocal),
    ],
    &[
        ("▲ rollout stalled  ", Role::Error),
        ("! 3 days left  ", Role::Warn),
        ("✓ complete  ", Role::Ok),
        ("· note  ", Role::Info),
        ("stale 42s  ", Role::Stale),
        ("not undone", Role::Danger),
    ],
    &[
        ("╭", Role::Border),
        (" 1 Pods ", Role::Title),
        ("───╮ ", Role::Border),
        ("╭", Role::BorderFocus),
        (" 2 Rollouts ", Role::TitleFocus),
        ("───╮ ", Role::BorderFocus),
        ("╭──╮ ", Role::BorderDanger),
        ("NAME ", Role::Column),
        ("AGE↓ ", Role::ColumnSorted),
        ("▸ now", Role::Accent),
    ],
    &[
        ("  cortex-web   ", Role::TextStrong),
        ("running  ", Role::Text),
        ("3d  ", Role::TextMuted),
        (" the row under the cursor ", Role::Selection),
        (" elsewhere ", Role::SelectionQuiet),
        (" ◆ marked", Role::Mark),
    ],
    &[
        ("████", Role::GaugeLow),
        ("██", Role::GaugeMid),
        ("█", Role::GaugeHigh),
        ("░░░  ", Role::GaugeTrack),
        ("▁▂▃ ", Role::Series1),
        ("▃▅▆ ", Role::Series2),
        ("▂▁▂ ", Role::Series3),
        ("▇▆▅  ", Role::Series4),
        ("a ", Role::Key),
        ("actions  ", Role::KeyLabel),
        ("x ", Role::KeyDisabled),
        ("/ ", Role::Prompt),
        ("web ", Role::PromptText),
        ("a hint ", Role::PromptHint),
    ],
    &[
        (" Cancel ", Role::Button),
        (" ", Role::Text),
        (" Go on ", Role::ButtonFocus),
        (" ", Role::Text),
        (" Roll back ", Role::ButtonDanger),
        ("  @@ 1 ", Role::DiffHunk),
        ("- old ", Role::DiffRemove),
        ("+ new ", Role::DiffAdd),
        ("same ", Role::DiffContext),
        (" UNCLASSIFIED ", Role::BadgeUnclassified),
        (" DRILL ", Role::BadgeDrill),
    ],
    &[
        ("14:02:07 ", Role::LogTime),
        ("web-1 ", Role::LogSource),
        ("error ", Role::LogError),
        ("warn ", Role::LogWarn),
        ("info ", Role::LogInfo),
        ("debug ", Role::LogDebug),
        ("found", Role::SearchMatch),
        (" ", Role::Text),
        ("found", Role::SearchCurrent),
        ("  Heading ", Role::Heading),
        ("code", Role::Code),
    ],
];

/// Every role by its name in theme files, and what it stands for.
pub fn roles() -> String {
    let widest = Role::ALL.iter().map(|r| r.name().len()).max().unwrap_or(0);
    let line = |r: &Role| format!("{:widest$}  {}\n", r.name(), r.doc().trim());
    Role::ALL.iter().map(line).collect()
}

/// A theme's name, what is hard to read in it, and a sample of everything, for a terminal of that depth.
pub fn preview(theme: &Theme, depth: Depth, glyphs: Glyphs) -> String {
    let mut cells = Buffer::empty(Rect::new(0, 0, WIDTH, SAMPLE.len() as u16));
    for (y, line) in SAMPLE.iter().enumerate() {
        let (mut x, y) = (0, y as u16);
        for (words, role) in *line {
            let words: String = match glyphs {
                Glyphs::Unicode => (*words).to_owned(),
                Glyphs::Ascii => words.chars().map(crate::theme::symbols::ascii).collect(),
            };
            let room = usize::from(WIDTH.saturating_sub(x));
            x = cells.set_stringn(x, y, words, room, theme.style(*role)).0;
        }
        // The top bar goes to the edge.
        if y == 0 {
            cells.set_stringn(
                x,
                y,
                " ".repeat(usize::from(WIDTH)),
                usize::from(WIDTH - x),
                theme.style(Role::Header),
            );
        }
    }
    theme.clone().painted(true).paint(&mut cells.content);
    let paper = Paper {
        theme,
        depth,
        glyphs,
        title: "",
    };
    let mut out = format!("{}\n", text::clean(theme.name()));
    for doubt in theme.doubts() {
        let _ = writeln!(out, "  {doubt}");
    }
    out.push_str(&ansi(&Drawn { cells, cursor: None }, paper));
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::theme::BUILT_IN;

    #[test]
    fn every_role_is_in_the_preview_and_every_line_fits() {
        let shown: BTreeSet<Role> = SAMPLE
            .iter()
            .flat_map(|line| line.iter().map(|(_, role)| *role))
            .collect();
        let missing: Vec<&str> = Role::ALL
            .iter()
            .filter(|r| !shown.contains(r))
            .map(|r| r.name())
            .collect();
        assert_eq!(missing, Vec::<&str>::new());
        for line in SAMPLE {
            let width: usize = line.iter().map(|(words, _)| text::width(words)).sum();
            assert!(width <= usize::from(WIDTH), "{width}: {line:?}");
        }
    }

    #[test]
    fn each_preview_shows_the_background_that_the_theme_was_made_for() {
        for (name, _) in BUILT_IN {
            let text = preview(&Theme::built_in(name, Depth::True), Depth::True, Glyphs::Unicode);
            let mut terminal = vt100::Parser::new(SAMPLE.len() as u16 + 1, WIDTH + 1, 0);
            terminal.process(text.replace('\n', "\r\n").as_bytes());
            let screen = terminal.screen();
            let theme = Theme::built_in(name, Depth::True);
            let (r, g, b) = theme.background();
            let painted = screen.cell(4, WIDTH - 1).unwrap().bgcolor();
            let expected = if *name == "mono" {
                vt100::Color::Default
            } else {
                vt100::Color::Rgb(r, g, b)
            };
            assert!(painted == expected || *name == "ansi16", "{name}: {painted:?}");
            assert!(screen.contents().contains("rollout stalled"), "{name}");
        }
    }
}
