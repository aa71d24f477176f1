//! headless.
