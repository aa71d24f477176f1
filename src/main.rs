//! The binary: arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use quarterdeck::cli::Cli;

fn main() -> ExitCode {
    // One TLS provider for every client and server in the process, before anything else.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Asked by a shell to complete a line: answers, and is done.
    quarterdeck::start::complete();
    let cli = Cli::parse();
    quarterdeck::start::main(cli)
}
