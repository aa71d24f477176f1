//! The roles: every meaning that has a look.

macro_rules! roles {
    ($($(#[doc = $doc:literal])* $role:ident = $name:literal,)*) => {
        /// A meaning that has a look. Its name in theme files is dotted; the part before the last dot is its fallback.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Role { $($(#[doc = $doc])* $role,)* }

        impl Role {
            /// Every role.
            pub const ALL: &'static [Self] = &[$(Self::$role,)*];

            /// What it stands for, in one sentence.
            pub const fn doc(self) -> &'static str {
                match self { $(Self::$role => concat!($($doc),*),)* }
            }

            /// The name in theme files.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$role => $name,)* }
            }
        }
    };
}

roles! {
    /// Ordinary text.
    Text = "text",
    /// Text that may be overlooked: units, ages, hints.
    TextMuted = "text.muted",
    /// Text that matters in its line: the name of a row.
    TextStrong = "text.strong",
    /// A pane's title.
    Title = "title",
    /// The title of the pane that has the focus.
    TitleFocus = "title.focus",
    /// The one accent: what is active.
    Accent = "accent",
    /// Frames.
    Border = "border",
    /// The frame of the pane that has the focus.
    BorderFocus = "border.focus",
    /// The frame of a dialog on production.
    BorderDanger = "border.danger",
    /// The selected row.
    Selection = "selection",
    /// The selected row of a pane without the focus.
    SelectionQuiet = "selection.quiet",
    /// A marked row.
    Mark = "mark",
    /// The top bar.
    Header = "header",
    /// Less important words in the top bar.
    HeaderMuted = "header.muted",
    /// The product's name in the top bar.
    HeaderBrand = "header.brand",
    /// Column heads.
    Column = "column",
    /// The head of the column that the table is sorted by.
    ColumnSorted = "column.sorted",
    /// A key in the footer.
    Key = "key",
    /// What a key does.
    KeyLabel = "key.label",
    /// A key that does nothing now, and why.
    KeyDisabled = "key.disabled",
    /// Healthy.
    Ok = "ok",
    /// A warning.
    Warn = "warn",
    /// Critical, or failed.
    Error = "error",
    /// Worth knowing, nothing to do.
    Info = "info",
    /// Data older than it should be.
    Stale = "stale",
    /// The production mark.
    BadgeProd = "badge.prod",
    /// The mark of a platform nobody classified.
    BadgeUnclassified = "badge.unclassified",
    /// The mark of a local platform.
    BadgeLocal = "badge.local",
    /// The mark of a staging or test platform.
    BadgeStaging = "badge.staging",
    /// The mark of a read-only session.
    BadgeReadonly = "badge.readonly",
    /// The mark of a rehearsal.
    BadgeDrill = "badge.drill",
    /// A gauge with room.
    GaugeLow = "gauge.low",
    /// A gauge that fills.
    GaugeMid = "gauge.mid",
    /// A gauge nearly full.
    GaugeHigh = "gauge.high",
    /// The empty part of a gauge.
    GaugeTrack = "gauge.track",
    /// First series of a graph.
    Series1 = "series.1",
    /// Second series.
    Series2 = "series.2",
    /// Third series.
    Series3 = "series.3",
    /// Fourth series.
    Series4 = "series.4",
    /// The sign before a line that is typed.
    Prompt = "prompt",
    /// What is typed.
    PromptText = "prompt.text",
    /// The field's hint while it is empty.
    PromptHint = "prompt.hint",
    /// What cannot be undone.
    Danger = "danger",
    /// A button.
    Button = "button",
    /// The button that Enter presses.
    ButtonFocus = "button.focus",
    /// The focused button that changes something.
    ButtonDanger = "button.danger",
    /// A value that will change: its old form.
    DiffRemove = "diff.remove",
    /// A value that will change: its new form.
    DiffAdd = "diff.add",
    /// A line of a difference that stays.
    DiffContext = "diff.context",
    /// The head of a part of a difference.
    DiffHunk = "diff.hunk",
    /// A log line's time.
    LogTime = "log.time",
    /// Where a log line came from.
    LogSource = "log.source",
    /// A log line of level debug or trace.
    LogDebug = "log.debug",
    /// A log line of level info.
    LogInfo = "log.info",
    /// A log line of level warn.
    LogWarn = "log.warn",
    /// A log line of level error.
    LogError = "log.error",
    /// A hit of the search.
    SearchMatch = "search.match",
    /// The hit that the cursor is on.
    SearchCurrent = "search.current",
    /// A heading in prose: runbooks, help.
    Heading = "heading",
    /// Code in prose.
    Code = "code",
}

impl Role {
    /// The role of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.name() == name)
    }

    /// Roles that carry words to be read, so they must stand out from the background.
    pub const fn is_text(self) -> bool {
        !matches!(
            self,
            Self::Border
                | Self::BorderFocus
                | Self::BorderDanger
                | Self::GaugeTrack
                | Self::Selection
                | Self::SelectionQuiet
        )
    }
}

/// The dotted name without its last part.
pub(super) fn parent(name: &str) -> Option<&str> {
    name.rsplit_once('.').map(|(parent, _)| parent)
}
