//! Quarterdeck: a terminal operations console.
#![forbid(unsafe_code)]

pub mod action;
pub mod app;
pub mod cli;
pub mod config;
pub mod feed;
pub mod headless;
pub mod journal;
pub mod keys;
pub mod model;
pub mod panes;
pub mod picture;
pub mod run;
pub mod runbook;
pub mod signal;
pub mod sim;
pub mod start;
pub mod term;
pub mod text;
pub mod theme;
pub mod ui;
