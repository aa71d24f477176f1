//! Layers into one.
//!
//! A file is taken section by section: each is checked against its type where it stands, so that an error knows its
//! place, and what passes is laid over what is already there. A section with an error counts for nothing.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::policy::PolicyIn;
use super::words::{names, switch};
use super::{
    Asked, Config, Declared, File, Incident, Inputs, Layer, Loaded, Log, Paths, Platform, Problem, Spool, Target, Ui,
};
use crate::model::{Scope, namespace_name};
use crate::signal::Thresholds;

const SECTIONS: &str = "expected one of `platform`, `ui`, `signals`, `incident`, `policy`, `spool`, `log`";

/// Variables that set a value of a section: name, section, key.
const VARIABLES: [(&str, &str, &str); 6] = [
    ("QUARTERDECK_THEME", "ui", "theme"),
    ("QUARTERDECK_KEYMAP", "ui", "keymap"),
    ("QUARTERDECK_COLOR", "ui", "color"),
    ("QUARTERDECK_SYMBOLS", "ui", "symbols"),
    ("QUARTERDECK_MOTION", "ui", "motion"),
    ("QUARTERDECK_LOG_LEVEL", "log", "level"),
];

/// Variables with a meaning of their own.
const OTHER_VARIABLES: [&str; 7] = [
    "QUARTERDECK_CONFIG",
    "QUARTERDECK_CONTEXT",
    "QUARTERDECK_KUBECONFIG",
    "QUARTERDECK_NAMESPACE",
    "QUARTERDECK_PLATFORM",
    "QUARTERDECK_READ_ONLY",
    "QUARTERDECK_STATE",
];

impl Config {
    /// Lays the layers over each other. Never fails: what is broken is reported and does not count.
    pub fn load(inputs: &Inputs) -> Loaded {
        let mut load = Load::default();
        load.config.paths = Paths::from_env(&inputs.env);
        if let Some(file) = &inputs.system {
            load.file(&Layer::System(file.path.clone()), file);
        }
        // By its own definition NO_COLOR yields to the user's file.
        if inputs.env.get("NO_COLOR").is_some_and(|v| !v.is_empty()) {
            load.set(&Layer::Env("NO_COLOR".to_owned()), "ui", "color", "mono".into());
        }
        if let Some(file) = &inputs.user {
            let layer = Layer::User(file.path.clone());
            let named = inputs.options.config.is_some() || inputs.env.contains_key("QUARTERDECK_CONFIG");
            if named && file.text == Ok(None) {
                load.lost_policy(&layer, "there is no such file".to_owned());
            }
            load.file(&layer, file);
        }
        load.environment(&inputs.env);
        load.flags(inputs);
        load.finish()
    }

    /// Where to go: what the environment or a flag asks for, else the first platform of the configuration, else what
    /// the kubeconfig says. Asking for a platform that is not declared is an error that names those that are.
    pub fn target(&self) -> Result<Target, String> {
        let asked = &self.asked;
        let platform = match &asked.platform {
            Some(name) => Some(self.platform(name).ok_or_else(|| {
                let names: Vec<&str> = self.platforms.iter().map(|p| p.name.as_str()).collect();
                let known = if names.is_empty() {
                    "none".to_owned()
                } else {
                    names.join(", ")
                };
                format!("no platform `{name}` in the configuration; declared: {known}")
            })?),
            None => match &asked.context {
                Some(context) => self.platforms.iter().find(|p| p.context.as_ref() == Some(context)),
                None if asked.kubeconfig.is_some() => None,
                None => self.platforms.first(),
            },
        };
        let scope = self.scope(platform);
        if let Some(Scope::Namespaces(names)) = &scope {
            names.iter().try_for_each(|n| namespace_name(n))?;
        }
        Ok(Target {
            platform: platform.map(|p| p.name.clone()),
            kubeconfig: asked.kubeconfig.clone().or_else(|| platform?.kubeconfig.clone()),
            context: asked.context.clone().or_else(|| platform?.context.clone()),
            scope,
        })
    }

    /// The namespaces to look at on a platform: those that were asked for, else its own. `None`: the context's.
    pub fn scope(&self, platform: Option<&Platform>) -> Option<Scope> {
        let asked = &self.asked;
        let namespaces = if asked.namespaces.is_empty() {
            platform.map_or(&[][..], |p| &p.namespaces)
        } else {
            &asked.namespaces
        };
        if asked.all_namespaces {
            return Some(Scope::All);
        }
        super::platform::scope_of(namespaces)
    }

    /// The platform to which `context` of a kubeconfig (`None`: the usual one) belongs. A platform with a kubeconfig of
    /// its own is not the one of an equal name in another file.
    pub fn platform_of(&self, context: &str, kubeconfig: Option<&Path>) -> Option<&Platform> {
        self.platforms.iter().find(|p| {
            let file = self.asked.kubeconfig.as_deref().or(p.kubeconfig.as_deref());
            p.context.as_deref() == Some(context) && file == kubeconfig
        })
    }

    pub fn platform(&self, name: &str) -> Option<&Platform> {
        self.platforms.iter().find(|p| p.name == name)
    }

    /// How careful to be in `context` on `server`, which those platforms are: the most careful of what is declared for
    /// one of them or for the context, else what [`super::Class::guess`] says.
    pub fn class(&self, platforms: &[String], context: &str, server: &str) -> super::Class {
        self.platforms
            .iter()
            .filter(|p| platforms.contains(&p.name) || p.context.as_deref() == Some(context))
            .filter_map(|p| p.classify)
            .max()
            .map_or_else(|| super::Class::guess(context, server), Into::into)
    }
}

#[derive(Default)]
struct Load {
    config: Config,
    problems: Vec<Problem>,
    /// The sections `ui`, `signals`, `incident` and `log`, laid over each other.
    sections: BTreeMap<&'static str, toml::Table>,
}

impl Load {
    fn problem(&mut self, layer: &Layer, at: Option<(usize, usize)>, what: impl Into<String>) {
        let (layer, what) = (layer.clone(), what.into());
        self.problems.push(Problem { layer, at, what });
    }

    /// What the layer demands cannot be known, so the strictest holds.
    fn lost_policy(&mut self, layer: &Layer, what: String) {
        self.problem(
            layer,
            None,
            format!("{what}; its policy is unknown, so nothing may be changed"),
        );
        self.forbid(layer);
    }

    fn forbid(&mut self, layer: &Layer) {
        self.config
            .policy
            .forbid_changes(format!("read-only because the policy in {layer} cannot be read"));
        self.config
            .origins
            .entry("policy.read_only".to_owned())
            .or_insert_with(|| layer.clone());
    }

    fn file(&mut self, layer: &Layer, file: &File) {
        let text = match &file.text {
            Ok(Some(text)) => text,
            Ok(None) => return,
            Err(why) => return self.lost_policy(layer, why.clone()),
        };
        let (document, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            for e in errors {
                let at = e.span().map(|s| position(text, &s));
                self.problem(
                    layer,
                    at,
                    format!("{}; the file does not count, and nothing may be changed", e.message()),
                );
            }
            return self.forbid(layer);
        }
        for (key, value) in document.into_inner() {
            let at = position(text, &key.span());
            let source = Source {
                layer,
                text,
                folder: file.path.parent(),
            };
            match &**key.get_ref() {
                "ui" => self.section::<Ui>(&source, "ui", value),
                "signals" => self.section::<Thresholds>(&source, "signals", value),
                "log" => self.section::<Log>(&source, "log", value),
                "incident" => self.section::<Incident>(&source, "incident", value),
                "spool" => self.section::<Spool>(&source, "spool", value),
                "policy" => self.policy(&source, value),
                "platform" => self.platforms(&source, value),
                other => self.problem(layer, Some(at), format!("unknown section `{other}`, {SECTIONS}")),
            }
        }
    }

    fn section<T: DeserializeOwned>(&mut self, source: &Source<'_>, name: &'static str, value: Spanned<DeValue<'_>>) {
        let plain = match toml::Value::deserialize(ValueDeserializer::from(value.clone())) {
            Ok(toml::Value::Table(table)) => table,
            _ => toml::Table::new(),
        };
        if let Err(problem) = source.read::<T>(name, value, "the section does not count") {
            self.problems.push(problem);
            return;
        }
        for (key, value) in plain {
            self.lay(source.layer, name, &key, value);
        }
    }

    fn lay(&mut self, layer: &Layer, section: &'static str, key: &str, value: toml::Value) {
        self.sections.entry(section).or_default().insert(key.to_owned(), value);
        self.config.origins.insert(format!("{section}.{key}"), layer.clone());
    }

    fn policy(&mut self, source: &Source<'_>, value: Spanned<DeValue<'_>>) {
        match source.read::<PolicyIn>("policy", value, "nothing may be changed") {
            Ok(policy) => self.tighten(source.layer, policy),
            Err(problem) => {
                self.problems.push(problem);
                self.forbid(source.layer);
            }
        }
    }

    fn tighten(&mut self, layer: &Layer, policy: PolicyIn) {
        let said = [
            ("policy.read_only", policy.read_only == Some(true)),
            ("policy.two_person", policy.two_person == Some(true)),
            ("policy.two_person_from", policy.two_person_from.is_some()),
            ("policy.break_glass", policy.break_glass.is_some()),
            ("policy.run_steps", policy.run_steps.is_some()),
            ("policy.max_bulk", policy.max_bulk.is_some()),
            ("policy.exec", policy.exec.is_some()),
        ];
        for key in self.config.policy.tighten(layer, policy) {
            let by = self.config.origin(&format!("policy.{key}")).clone();
            let what = format!("`policy.{key}` does not count: {by} is stricter, and policy is only ever tightened");
            self.problem(layer, None, what);
        }
        for (path, _) in said.iter().filter(|(_, said)| *said) {
            self.config
                .origins
                .entry((*path).to_owned())
                .or_insert_with(|| layer.clone());
        }
    }

    fn platforms(&mut self, source: &Source<'_>, value: Spanned<DeValue<'_>>) {
        let span = value.span();
        let DeValue::Array(list) = value.into_inner() else {
            let at = position(source.text, &span);
            self.problem(source.layer, Some(at), "`platform` is a list: expected `[[platform]]`");
            return;
        };
        for value in list {
            let at = position(source.text, &value.span());
            match source.read::<Platform>("platform", value, "the platform does not count, so it is UNCLASSIFIED") {
                Ok(mut platform) if !platform.name.trim().is_empty() => {
                    platform.kubeconfig = platform.kubeconfig.map(|p| self.resolve(source.folder, p));
                    for path in platform.source_paths() {
                        *path = self.resolve(source.folder, std::mem::take(path));
                    }
                    self.platform(source.layer, Some(at), platform);
                }
                Ok(_) => self.problem(source.layer, Some(at), "a platform needs a `name` that is not empty"),
                Err(problem) => self.problems.push(problem),
            }
        }
    }

    /// Adds a platform, or lays it over the one of the same name. Its mark only gets more careful.
    fn platform(&mut self, layer: &Layer, at: Option<(usize, usize)>, mut new: Platform) {
        self.config
            .origins
            .insert(format!("platform.{}", new.name), layer.clone());
        let Some(old) = self.config.platforms.iter_mut().find(|p| p.name == new.name) else {
            self.config.platforms.push(new);
            return;
        };
        let lifted = new.classify.is_some() && new.classify < old.classify;
        old.kubeconfig = new.kubeconfig.take().or(old.kubeconfig.take());
        old.context = new.context.take().or(old.context.take());
        if !new.namespaces.is_empty() {
            old.namespaces = std::mem::take(&mut new.namespaces);
        }
        old.classify = old.classify.max(new.classify);
        old.watched |= new.watched;
        old.take_sources(new);
        if lifted {
            let mark = match old.classify {
                Some(Declared::Production) => "production",
                _ => "staging",
            };
            let what = format!(
                "platform `{}` stays {mark}: what an earlier layer declared is not lifted",
                old.name
            );
            self.problem(layer, at, what);
        }
    }

    /// `~` is the home; a relative path starts at the file's folder.
    fn resolve(&self, folder: Option<&Path>, path: PathBuf) -> PathBuf {
        if let (Ok(rest), Some(home)) = (path.strip_prefix("~"), &self.config.paths.home) {
            return home.join(rest);
        }
        folder.map_or_else(|| path.clone(), |folder| folder.join(&path))
    }

    /// Sets one value of a section, as text, if the section's type takes it.
    fn set(&mut self, layer: &Layer, section: &'static str, key: &str, value: toml::Value) {
        let one = toml::Table::from_iter([(key.to_owned(), value.clone())]);
        let tried = match section {
            "ui" => Ui::deserialize(one).err(),
            _ => Log::deserialize(one).err(),
        };
        match tried {
            None => self.lay(layer, section, key, value),
            Some(e) => self.problem(layer, None, format!("{}; it does not count", e.message())),
        }
    }

    fn environment(&mut self, env: &BTreeMap<String, String>) {
        let given = |name: &str| env.get(name).filter(|v| !v.is_empty());
        let layer = |name: &str| Layer::Env(name.to_owned());
        for (name, section, key) in VARIABLES {
            let Some(text) = given(name) else { continue };
            let value = match (key, switch(text)) {
                ("motion", Some(on)) => on.into(),
                _ => text.as_str().into(),
            };
            self.set(&layer(name), section, key, value);
        }
        if let Some(text) = given("QUARTERDECK_READ_ONLY") {
            let layer = layer("QUARTERDECK_READ_ONLY");
            let read_only = switch(text);
            if read_only.is_none() {
                self.problem(
                    &layer,
                    None,
                    format!("`{text}` is no switch, expected 1 or 0; taken as 1"),
                );
            }
            let policy = PolicyIn {
                read_only: Some(read_only.unwrap_or(true)),
                ..PolicyIn::default()
            };
            self.tighten(&layer, policy);
        }
        self.config.asked = Asked {
            platform: given("QUARTERDECK_PLATFORM").cloned(),
            context: given("QUARTERDECK_CONTEXT").cloned(),
            kubeconfig: given("QUARTERDECK_KUBECONFIG").map(PathBuf::from),
            namespaces: given("QUARTERDECK_NAMESPACE").map_or_else(Vec::new, |v| names(v.split(','))),
            all_namespaces: false,
        };
        // A misspelt variable would be a wish that nobody hears. The tests' own are not ours to judge.
        let known = |name: &str| VARIABLES.iter().any(|(n, _, _)| *n == name) || OTHER_VARIABLES.contains(&name);
        for name in env
            .keys()
            .filter(|n| n.starts_with("QUARTERDECK_") && !n.starts_with("QUARTERDECK_TEST_"))
        {
            if !known(name) {
                self.problem(
                    &layer(name),
                    None,
                    "there is no such variable; `qd --help` and the README list them",
                );
            }
        }
    }

    fn flags(&mut self, inputs: &Inputs) {
        let options = &inputs.options;
        for (flag, section, key, value) in [
            ("--theme", "ui", "theme", &options.theme),
            ("--keymap", "ui", "keymap", &options.keymap),
            ("--color", "ui", "color", &options.color),
            ("--symbols", "ui", "symbols", &options.symbols),
            ("--log-level", "log", "level", &options.log_level),
        ] {
            if let Some(value) = value {
                self.set(&Layer::Flag(flag), section, key, value.as_str().into());
            }
        }
        if options.no_motion {
            self.set(&Layer::Flag("--no-motion"), "ui", "motion", false.into());
        }
        if options.mouse {
            self.set(&Layer::Flag("--mouse"), "ui", "mouse", true.into());
        }
        if options.read_only {
            let policy = PolicyIn {
                read_only: Some(true),
                ..PolicyIn::default()
            };
            self.tighten(&Layer::Flag("--read-only"), policy);
        }
        self.config.follow.clone_from(&options.follow);
        let asked = &mut self.config.asked;
        // A platform asked for by a flag is not mixed with a context of the environment, nor the other way round.
        if options.platform.is_some() || options.context.is_some() || options.kubeconfig.is_some() {
            asked.platform.clone_from(&options.platform);
            asked.context.clone_from(&options.context);
            if options.kubeconfig.is_some() || options.platform.is_some() {
                asked.kubeconfig.clone_from(&options.kubeconfig);
            }
        }
        if options.all_namespaces {
            asked.namespaces.clear();
            asked.all_namespaces = true;
        } else if !options.namespaces.is_empty() {
            asked.namespaces = names(options.namespaces.iter().map(String::as_str));
        }
    }

    fn finish(mut self) -> Loaded {
        let mut take = |name| toml::Value::Table(self.sections.remove(name).unwrap_or_default());
        // Every value was checked with its layer; the defaults stand for what cannot happen.
        self.config.ui = take("ui").try_into().unwrap_or_default();
        self.config.log = take("log").try_into().unwrap_or_default();
        self.config.incident = take("incident").try_into().unwrap_or_default();
        self.config.signals = take("signals").try_into().unwrap_or_default();
        self.config.spool = take("spool").try_into().unwrap_or_default();
        self.config.spool.path = self.config.spool.path.take().map(|path| self.resolve(None, path));
        Loaded {
            config: self.config,
            problems: self.problems,
        }
    }
}

/// A file that is being read.
struct Source<'a> {
    layer: &'a Layer,
    text: &'a str,
    folder: Option<&'a Path>,
}

impl Source<'_> {
    /// Checks a section; `otherwise` says what holds when it is broken.
    fn read<T: DeserializeOwned>(
        &self,
        name: &str,
        value: Spanned<DeValue<'_>>,
        otherwise: &str,
    ) -> Result<T, Problem> {
        let whole = value.span();
        T::deserialize(ValueDeserializer::from(value)).map_err(|e| Problem {
            layer: self.layer.clone(),
            at: Some(position(self.text, &e.span().unwrap_or(whole))),
            what: format!("in `{name}`: {}; {otherwise}", e.message()),
        })
    }
}

/// Line and column from 1, in characters, of the start of a span.
fn position(text: &str, span: &Range<usize>) -> (usize, usize) {
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}
