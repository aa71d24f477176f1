//! Completion of command lines, and the manual page. Shells ask the program itself what may stand next, so that contexts,
//! platforms, runbooks and themes are those that there are; nothing asks a cluster.

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_complete::env::{Bash, CompleteEnv, EnvCompleter, Fish, Zsh};
use clap_complete::{ArgValueCandidates, CompletionCandidate};

use crate::cli::{Cli, Options, Shell};
use crate::config::{Config, Inputs};
use crate::panes::PANES;
use crate::runbook::library::Library;

/// Set by a shell that asks.
const ASKED: &str = "QUARTERDECK_COMPLETE";

/// Answers a shell that asks how a line goes on, and ends the process; else does nothing. Before anything else is started.
pub fn complete() {
    CompleteEnv::with_factory(command)
        .var(ASKED)
        .bin("qd")
        .completer("qd")
        .complete();
}

/// As a file of zsh's `fpath` the script is read by the first Tab itself, which it then has to answer.
const ZSH_FIRST_TAB: &str = r"
if [[ ${funcstack[1]} == _qd ]]; then
    _clap_dynamic_completer_qd
fi
";

/// The script that makes a shell ask.
pub(super) fn script(shell: Shell) -> anyhow::Result<String> {
    let shell: &dyn EnvCompleter = match shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
    };
    let mut out = Vec::new();
    shell
        .write_registration(ASKED, "qd", "qd", "qd", &mut out)
        .context("writing the completions")?;
    if shell.name() == "zsh" {
        out.extend_from_slice(ZSH_FIRST_TAB.as_bytes());
    }
    Ok(String::from_utf8(out)?)
}

/// The manual page, in roff: the commands and flags, then each command's own.
pub(super) fn man() -> anyhow::Result<String> {
    let mut command = Cli::command();
    command.build();
    let mut out = Vec::new();
    let man = clap_mangen::Man::new(command.clone()).date("").manual("Quarterdeck");
    man.render(&mut out)?;
    let mut page = clap_mangen::roff::Roff::new();
    for (name, sub) in commands("qd", &command) {
        page.control("SH", [name.to_uppercase().as_str()]);
        let mut part = Vec::new();
        let man = clap_mangen::Man::new(sub.clone().bin_name(name));
        man.render_description_section(&mut part)?;
        man.render_options_section(&mut part)?;
        let text = String::from_utf8(part)?;
        // Their headings become smaller ones; flags of every command stand once, above.
        out.extend_from_slice(page.to_roff().as_bytes());
        out.extend_from_slice(text.replace(".SH ", ".SS ").as_bytes());
        page = clap_mangen::roff::Roff::new();
    }
    Ok(String::from_utf8(out)?)
}

/// Each command below `command`, without flags that all of them take.
fn commands(of: &str, command: &clap::Command) -> Vec<(String, clap::Command)> {
    let mut out = Vec::new();
    for sub in command.get_subcommands().filter(|s| s.get_name() != "help") {
        let name = format!("{of} {}", sub.get_name());
        let own = sub
            .clone()
            .mut_args(|arg| if arg.is_global_set() { arg.hide(true) } else { arg });
        out.push((name.clone(), own));
        out.extend(commands(&name, sub));
    }
    out
}

fn command() -> clap::Command {
    Cli::command()
        .mut_arg("context", |a| a.add(ArgValueCandidates::new(contexts)))
        .mut_arg("platform", |a| a.add(ArgValueCandidates::new(platforms)))
        .mut_arg("namespaces", |a| a.add(ArgValueCandidates::new(namespaces)))
        .mut_arg("theme", |a| a.add(ArgValueCandidates::new(themes)))
        .mut_subcommand("snapshot", |s| {
            s.mut_arg("pane", |a| a.add(ArgValueCandidates::new(panes)))
        })
        .mut_subcommand("runbook", |s| {
            s.mut_subcommand("show", |s| s.mut_arg("id", |a| a.add(ArgValueCandidates::new(books))))
                .mut_subcommand("run", |s| s.mut_arg("id", |a| a.add(ArgValueCandidates::new(books))))
        })
}

fn config() -> Config {
    Config::load(&Inputs::gather(Options::default())).config
}

/// Those of the kubeconfig that would be read.
fn contexts() -> Vec<CompletionCandidate> {
    crate::feed::kube::Kubeconfigs::here()
        .map(|k| {
            k.contexts()
                .into_iter()
                .map(|c| CompletionCandidate::new(c.name))
                .collect()
        })
        .unwrap_or_default()
}

fn platforms() -> Vec<CompletionCandidate> {
    let config = config();
    config
        .platforms
        .iter()
        .map(|p| CompletionCandidate::new(&p.name))
        .collect()
}

/// Those that the configuration names: a cluster is not asked while somebody types.
fn namespaces() -> Vec<CompletionCandidate> {
    let mut all: Vec<String> = config().platforms.into_iter().flat_map(|p| p.namespaces).collect();
    all.retain(|name| name != "*");
    all.sort();
    all.dedup();
    all.into_iter().map(CompletionCandidate::new).collect()
}

fn themes() -> Vec<CompletionCandidate> {
    crate::theme::BUILT_IN
        .iter()
        .map(|(name, _)| CompletionCandidate::new(name))
        .collect()
}

fn panes() -> Vec<CompletionCandidate> {
    PANES.iter().map(|p| CompletionCandidate::new(p.context)).collect()
}

fn books() -> Vec<CompletionCandidate> {
    let library = Library::built_in();
    library
        .iter()
        .map(|b| CompletionCandidate::new(&b.id).help(Some(b.title.clone().into())))
        .collect()
}
