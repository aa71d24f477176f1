//! Arguments and subcommands. No logic: what a flag means is decided by `config` and `run`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A terminal operations console: from a signal to a verified fix.
#[derive(Debug, Clone, Parser)]
#[command(name = "qd", version, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    pub options: Options,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Flags that every command takes.
#[derive(Debug, Clone, Default, Args)]
pub struct Options {
    /// Kubeconfig context (default: the current one)
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// Namespace to watch; may be given several times, or with commas
    #[arg(short, long = "namespace", global = true, value_name = "NAME", value_delimiter = ',', value_parser = crate::model::namespace_or_all)]
    pub namespaces: Vec<String>,
    /// Watch all namespaces
    #[arg(short = 'A', long, global = true, conflicts_with = "namespaces")]
    pub all_namespaces: bool,
    /// Kubeconfig file (default: $KUBECONFIG, then ~/.kube/config)
    #[arg(long, global = true, value_name = "PATH")]
    pub kubeconfig: Option<PathBuf>,
    /// Platform of the configuration to open
    #[arg(long, global = true, value_name = "NAME")]
    pub platform: Option<String>,
    /// Never change anything; cannot be left while it runs
    #[arg(long, global = true)]
    pub read_only: bool,
    /// Journal file of another console to follow, in a read-only one
    #[arg(long, global = true, value_name = "FILE")]
    pub follow: Option<PathBuf>,
    /// Configuration file instead of the user's
    #[arg(long, global = true, value_name = "PATH")]
    pub config: Option<PathBuf>,
    /// Theme, by name or file
    #[arg(long, global = true, value_name = "NAME")]
    pub theme: Option<String>,
    /// Keymap, by name (default, vim, emacs, k9s) or file
    #[arg(long, global = true, value_name = "NAME")]
    pub keymap: Option<String>,
    /// Colours of the terminal
    #[arg(long, global = true, value_name = "DEPTH", value_parser = ["auto", "truecolor", "256", "16", "mono"])]
    pub color: Option<String>,
    /// Symbols that the terminal can draw
    #[arg(long, global = true, value_name = "SET", value_parser = ["auto", "unicode", "ascii"])]
    pub symbols: Option<String>,
    /// Nothing moves by itself: for screen readers, and for slow links
    #[arg(long, global = true)]
    pub no_motion: bool,
    /// Let the mouse choose and scroll; it never changes anything
    #[arg(long, global = true)]
    pub mouse: bool,
    /// How much the log file says
    #[arg(long, global = true, value_name = "LEVEL", value_parser = ["error", "warn", "info", "debug", "trace"])]
    pub log_level: Option<String>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Open the console on a demonstration platform with an incident in progress
    Demo(Demo),
    /// Print the pods; exit code 0 fine, 1 something wrong, 2 cannot tell
    Pods(PaneArgs),
    /// Print the rollouts; exit code 0 fine, 1 something wrong, 2 cannot tell
    Rollouts(PaneArgs),
    /// Print the signals; exit code 0 none, 1 some, 2 cannot tell
    Signals(PaneArgs),
    /// Print the queues; exit code 0 fine, 1 something wrong, 2 cannot tell
    Queues(PaneArgs),
    /// Print what PostgreSQL is doing; exit code 0 fine, 1 something wrong, 2 cannot tell
    Queries(PaneArgs),
    /// Print the Redis servers; exit code 0 fine, 1 something wrong, 2 cannot tell
    Redis(PaneArgs),
    /// Print the certificates; exit code 0 fine, 1 something wrong, 2 cannot tell
    #[command(alias = "certificates")]
    Certs(PaneArgs),
    /// Print alerts, objectives and HTTP checks; exit code 0 fine, 1 something wrong, 2 cannot tell
    Alerts(PaneArgs),
    /// Print the events of the cluster; exit code 0 fine, 1 something wrong, 2 cannot tell
    Events(PaneArgs),
    /// Print the nodes (--plain: CronJobs and Jobs, too); exit code 0 fine, 1 something wrong, 2 cannot tell
    Nodes(PaneArgs),
    /// Print one page for a chat channel: incident, causes, what is unknown; exit code 0 fine, 1 something wrong, 2 cannot tell
    Status(StatusArgs),
    /// Write the deck as it stands once the sources have answered: text, ANSI, SVG or PNG
    Snapshot(SnapshotArgs),
    /// Say of each source whether it is reachable and permitted, or which grant is missing
    Check(Check),
    /// Print what is on record, or whether the record is whole
    Journal(JournalArgs),
    /// Print what was done in an incident or since a time, and what is still to be taken back
    Report(ReportArgs),
    /// Print the runbooks, one of them, the facts that they may use, or what is wrong with a file
    Runbook(RunbookArgs),
    /// Look at the cluster's namespaces and write a configuration, after asking
    Init(Init),
    /// Print what the configuration may say
    Config(ConfigArgs),
    /// Print the keys of the keymap in use; exit code 1 when a file of it is wrong
    Keys(Keys),
    /// Show the themes as they will look
    Themes(ThemesArgs),
    /// Print what makes a shell complete the commands, flags, contexts and runbooks
    Completions {
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

#[derive(Debug, Clone, Default, Args)]
pub struct StatusArgs {
    /// Form of the answer
    #[arg(short, long, value_enum, default_value_t)]
    pub output: StatusForm,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum StatusForm {
    /// Plain text
    #[default]
    Text,
    /// Markdown, for a chat channel
    Markdown,
    /// One JSON document
    Json,
}

#[derive(Debug, Clone, Args)]
pub struct SnapshotArgs {
    /// Give this pane the whole screen: pods, rollouts, queues, queries, redis, certificates, alerts, nodes, events
    #[arg(long, value_name = "PANE")]
    pub pane: Option<String>,
    /// Columns and rows
    #[arg(long, value_name = "COLSxROWS", default_value = "120x40", value_parser = size)]
    pub size: (u16, u16),
    /// Form of the picture (default: by the file's name, else text)
    #[arg(long, value_enum)]
    pub format: Option<SnapshotForm>,
    /// File to write, instead of the standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum SnapshotForm {
    /// Lines of text
    #[default]
    Text,
    /// Text with colours, as a terminal takes it
    Ansi,
    /// A drawing whose text can be selected
    Svg,
    /// A bitmap
    Png,
}

/// `120x40`
fn size(text: &str) -> Result<(u16, u16), String> {
    let wrong = || format!("expected COLUMNSxROWS, such as 120x40: from {MIN_SIZE:?} to {MAX_SIZE:?}");
    let (columns, rows) = text.split_once('x').ok_or_else(wrong)?;
    let columns: u16 = columns.parse().map_err(|_| wrong())?;
    let rows: u16 = rows.parse().map_err(|_| wrong())?;
    let fits = (MIN_SIZE.0..=MAX_SIZE.0).contains(&columns) && (MIN_SIZE.1..=MAX_SIZE.1).contains(&rows);
    if fits { Ok((columns, rows)) } else { Err(wrong()) }
}

/// The smallest and the largest picture.
const MIN_SIZE: (u16, u16) = (40, 10);
const MAX_SIZE: (u16, u16) = (500, 200);

/// Shells that can complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    pub command: ConfigCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub enum ConfigCommand {
    /// Print every key with its type, its default and what it means
    Reference,
}

#[derive(Debug, Clone, Default, Args)]
pub struct Demo {
    /// Only run the servers, and print how to reach them
    #[arg(long)]
    pub serve: bool,
    /// Without the incidents
    #[arg(long)]
    pub calm: bool,
    /// With two more platforms beside it, to switch to
    #[arg(long)]
    pub fleet: bool,
    /// Pods besides those of the scenario
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=100_000))]
    pub pods: u32,
    /// Changes of those pods
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=10_000))]
    pub events_per_second: u32,
    /// Certificates besides those of the scenario
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=100_000))]
    pub certificates: u32,
}

#[derive(Debug, Clone, Args)]
pub struct JournalArgs {
    #[command(subcommand)]
    pub command: JournalCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub enum JournalCommand {
    /// Print the records; exit code 1 when an intent has no result
    Show(JournalShow),
    /// Check the hash chain of every file; names the first bad record, exit code 1 when there is one
    Verify(JournalFiles),
    /// Print records for others, with the head of every file's chain: it shows later whether anything was changed
    Export(JournalExport),
}

#[derive(Debug, Clone, Default, Args)]
pub struct JournalShow {
    #[command(flatten)]
    pub files: JournalFiles,
    #[command(flatten)]
    pub filter: JournalFilter,
}

#[derive(Debug, Clone, Default, Args)]
pub struct JournalExport {
    /// Files of a journal instead of those in the state folder
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub filter: JournalFilter,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t)]
    pub format: ExportForm,
}

/// Which records.
#[derive(Debug, Clone, Default, Args)]
pub struct JournalFilter {
    /// From then on: 90m, 2h, 7d, 14:00, 2026-11-21, 2026-11-21T14:00Z (UTC)
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Before that
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Of that incident
    #[arg(long, value_name = "ID")]
    pub incident: Option<String>,
    /// Of that run of a runbook
    #[arg(long, value_name = "ID")]
    pub run: Option<String>,
    /// Of these kinds: intent, result, verify, approval, override, run, incident …
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub kind: Vec<String>,
    /// By that person: who sat there, whatever account was used
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ExportForm {
    /// One JSON document a line: what is exported and the heads, then the records as they stand in the files
    #[default]
    Jsonl,
    /// A page for people
    Markdown,
}

#[derive(Debug, Clone, Default, Args)]
pub struct JournalFiles {
    /// Files of a journal instead of those in the state folder
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Form of the answer
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Debug, Clone, Default, Args)]
pub struct ReportArgs {
    /// Files of a journal instead of those in the state folder
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Of that incident
    #[arg(long, value_name = "ID")]
    pub incident: Option<String>,
    /// From then on: 90m, 2h, 7d, 14:00, 2026-11-21, 2026-11-21T14:00Z (UTC)
    #[arg(long, value_name = "TIME", conflicts_with = "incident")]
    pub since: Option<String>,
    /// Form of the answer
    #[arg(short, long, value_enum, default_value_t)]
    pub output: ReportForm,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportForm {
    /// Markdown
    #[default]
    Md,
    /// One JSON document
    Json,
}

#[derive(Debug, Clone, Args)]
pub struct RunbookArgs {
    #[command(subcommand)]
    pub command: RunbookCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub enum RunbookCommand {
    /// Print every runbook with the signals that it answers
    List(Print),
    /// Print a runbook as it is written
    Show {
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Run one without a screen: it ends at the first step that needs a person
    Run(RunbookRun),
    /// Check files; `file:line:column: what`, exit code 1 when something is wrong
    Lint {
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Print the facts over which conditions may speak
    Facts(Print),
}

#[derive(Debug, Clone, Default, Args)]
pub struct RunbookRun {
    #[arg(value_name = "ID")]
    pub id: String,
    /// What it is about: deployment/NAMESPACE/NAME, queue/SOURCE/NAME
    #[arg(long, value_name = "TARGET")]
    pub on: Option<String>,
    /// A parameter, or the answer to a question of the runbook; may be given several times
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub params: Vec<String>,
    /// Show the first plan and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Confirm what is small and reversible (R0 and R1); anything riskier ends the run
    #[arg(long, conflicts_with = "dry_run")]
    pub yes: bool,
    /// Form of the answer; JSON is one object a line
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Debug, Clone, Default, Args)]
pub struct Print {
    /// Form of the answer
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

/// How a pane is printed.
#[derive(Debug, Clone, Default, Args)]
pub struct PaneArgs {
    #[command(flatten)]
    pub print: Print,
    /// A fact a line, words first, no table: for screen readers
    #[arg(long, conflicts_with = "output")]
    pub plain: bool,
    /// With --plain: all that is known of what is called so (NAME or NAMESPACE/NAME)
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

#[derive(Debug, Clone, Default, Args)]
pub struct ThemesArgs {
    /// Only these, by name or file
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Print the roles that a theme file gives colours to, and what each stands for
    #[arg(long, conflicts_with = "names")]
    pub roles: bool,
}

#[derive(Debug, Clone, Default, Args)]
pub struct Keys {
    /// Form of the answer
    #[arg(short, long, value_enum, default_value_t)]
    pub output: KeysForm,
    /// Print the names that a keymap file has for contexts and commands
    #[arg(long, conflicts_with = "output")]
    pub ids: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum KeysForm {
    /// A table for each screen, as Markdown
    #[default]
    Table,
    /// One JSON document
    Json,
    /// A keymap file that inherits nothing
    Toml,
}

#[derive(Debug, Clone, Default, Args)]
pub struct Check {
    #[command(flatten)]
    pub print: Print,
    /// Print what a role needs instead: RBAC, GRANTs and ACL for the configured platform
    #[arg(long, value_enum, value_name = "ROLE")]
    pub role: Option<Role>,
}

/// Who somebody is to the servers of a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Reads everything that the console shows
    Observer,
    /// Changes what the console can change, too
    Operator,
}

#[derive(Debug, Clone, Default, Args)]
pub struct Init {
    /// Do not ask; a file that is there already is left alone
    #[arg(long)]
    pub yes: bool,
    /// Only print what would be written
    #[arg(long, conflicts_with = "yes")]
    pub print: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Aligned text
    #[default]
    Table,
    /// One JSON document
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_stand_before_or_after_the_command() {
        let cli = Cli::parse_from(["qd", "-n", "a,b", "pods", "--read-only", "-n", "c", "-o", "json"]);
        assert!(cli.options.read_only);
        assert!(matches!(
            cli.command,
            Some(Command::Pods(PaneArgs {
                print: Print { output: Output::Json },
                plain: false,
                name: None
            }))
        ));
        let cli = Cli::parse_from(["qd", "-n", "a,b", "-n", "c"]);
        assert_eq!(cli.options.namespaces, ["a", "b", "c"]);
        assert!(Cli::try_parse_from(["qd", "-A", "-n", "a"]).is_err());
        let refused = Cli::try_parse_from(["qd", "pods", "-n", "good,1:pods"]).unwrap_err();
        assert_eq!(refused.exit_code(), 2);
        assert!(Cli::try_parse_from(["qd", "pods", "--plain", "web"]).is_ok());
        assert!(
            Cli::try_parse_from(["qd", "pods", "web"]).is_ok(),
            "refused with its reason when it is run"
        );
    }
}
