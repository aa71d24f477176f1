//! panes.
