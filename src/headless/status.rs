//! `qd status`: one page that somebody who is not at the console understands, for a chat channel or a cron job's mail.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::json;

use super::{Answer, Verdict};
use crate::cli::StatusForm;
use crate::journal::Incident;
use crate::journal::message::length;
use crate::model::World;
use crate::signal::{Judge, Severity, Signal};
use crate::text::{self, clean};

/// What a page is about.
pub struct About<'a> {
    /// The platform's name, or the context's.
    pub platform: &'a str,
    /// `PROD`; empty where no cluster was reached and nobody said.
    pub class: &'a str,
    /// The namespaces that were looked at, in words; empty without a cluster.
    pub scope: &'a str,
    /// The incident that is open there.
    pub incident: Option<&'a Incident>,
    /// Whether there is a cluster to look at.
    pub cluster: bool,
    /// Why there is none although one is wanted.
    pub no_cluster: Option<&'a str>,
}

/// The page at our time `now`; causes worst first. Wrong when there is a signal or an open incident.
///
/// A rule whose cause has no timestamp of its own needs to be seen for its time, so one look can miss what the console
/// shows.
///
/// JSON: `{"at", "platform", "class", "scope", "incident": null | {id, severity, title, status, commander, started,
/// next_update}, "causes": [{id, severity, title, since, observed, stale, evidence: [{label, value}], runbook}],
/// "unknown": [""], "verdict": "fine" | "wrong" | "unknown"}`.
pub fn status(world: &World, judge: &Judge, about: &About<'_>, now: Timestamp, form: StatusForm) -> Answer {
    let now = world.server_now(now);
    let mut unknown: Vec<String> = about
        .no_cluster
        .map(|why| clean(why).into_owned())
        .into_iter()
        .collect();
    unknown.extend(super::unknown(world, about.cluster && about.no_cluster.is_none()));
    let verdict = Verdict::of(!judge.signals().is_empty() || about.incident.is_some(), &unknown);
    let page = Page {
        judge,
        about,
        unknown: &unknown,
        now,
    };
    let text = match form {
        StatusForm::Text => page.text(&Plain),
        StatusForm::Markdown => page.text(&Markdown),
        StatusForm::Json => page.json(verdict),
    };
    Answer {
        text,
        // The page says them itself.
        doubts: Vec::new(),
        verdict,
    }
}

/// The page in lines of at most so many columns, broken between words; what is broken goes on further in.
pub fn fit(page: &str, columns: usize) -> String {
    let mut out = String::with_capacity(page.len() + 64);
    for line in page.lines() {
        let indent = line.len() - line.trim_start().len();
        let mut used = 0;
        // A blank within the indent, or one of two, belongs to the word before it.
        for word in line.split_inclusive(' ') {
            let width = text::width(word.trim_end());
            if used > indent && used + width > columns {
                out.truncate(out.trim_end_matches(' ').len());
                out.push('\n');
                out.push_str(&" ".repeat(indent + 4));
                used = indent + 4;
            }
            out.push_str(word);
            used += text::width(word);
        }
        out.push('\n');
    }
    out
}

/// How parts of the page are written.
trait Form {
    /// Text from outside, on one line.
    fn say(&self, text: &str) -> String;
    fn strong(&self, text: &str) -> String;
    /// Begins a line of a list, and one below it.
    fn item(&self) -> &'static str;
    fn below(&self) -> &'static str;
}

struct Plain;
struct Markdown;

impl Form for Plain {
    fn say(&self, text: &str) -> String {
        clean(text).into_owned()
    }

    fn strong(&self, text: &str) -> String {
        self.say(text)
    }

    fn item(&self) -> &'static str {
        "  "
    }

    fn below(&self) -> &'static str {
        "            "
    }
}

impl Form for Markdown {
    /// No markup of its own, and nobody is called by it: `@here` in a pod's message is not ours to say.
    fn say(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for c in clean(text).chars() {
            match c {
                '*' | '_' | '`' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '\\' => out.extend(['\\', c]),
                // An invisible joiner parts the sign from the name.
                '@' => out.push_str("@\u{2060}"),
                c => out.push(c),
            }
        }
        out
    }

    fn strong(&self, text: &str) -> String {
        format!("**{}**", self.say(text))
    }

    fn item(&self) -> &'static str {
        "- "
    }

    fn below(&self) -> &'static str {
        "  - "
    }
}

struct Page<'a> {
    judge: &'a Judge,
    about: &'a About<'a>,
    unknown: &'a [String],
    now: Timestamp,
}

impl Page<'_> {
    fn causes(&self) -> &[Signal] {
        self.judge.signals()
    }

    /// `2 critical, 3 warnings`
    fn counts(&self) -> String {
        let of = |s| self.causes().iter().filter(|c| c.severity == s).count();
        let mut parts = Vec::new();
        match of(Severity::Critical) {
            0 => {}
            n => parts.push(format!("{n} critical")),
        }
        match of(Severity::Warning) {
            0 => {}
            1 => parts.push("1 warning".to_owned()),
            n => parts.push(format!("{n} warnings")),
        }
        match (parts.is_empty(), self.unknown.is_empty()) {
            (true, true) => "nothing calls for attention".to_owned(),
            (true, false) => "nothing found, but not all is known".to_owned(),
            _ => parts.join(", "),
        }
    }

    fn incident(&self, incident: &Incident) -> String {
        let mut line = format!("{} {}: {}", incident.level.name, incident.id, incident.title());
        let _ = write!(line, " ({}", incident.status.word());
        if !incident.commander.is_empty() {
            let _ = write!(line, ", {} commands", incident.commander);
        }
        let _ = write!(line, ", for {}", length(self.now.duration_since(incident.started)));
        match incident.update_in(self.now).map(|d| (d.is_negative(), length(d.abs()))) {
            Some((false, left)) => line.extend(["; next update in ", &left]),
            Some((true, late)) => line.extend(["; update overdue by ", &late]),
            None => {}
        }
        line + ")"
    }

    fn text(&self, form: &dyn Form) -> String {
        let a = self.about;
        let mut head = form.strong(a.platform);
        for part in [a.class, a.scope].into_iter().filter(|p| !p.is_empty()) {
            head.extend([" · ", &form.say(part)]);
        }
        let at = self.now.strftime("%Y-%m-%d %H:%M UTC");
        let mut out = format!("{head} · {at}\n{}\n", form.strong(&self.counts()));
        if let Some(incident) = a.incident {
            let _ = writeln!(
                out,
                "\n{} {}",
                form.strong("Incident"),
                form.say(&self.incident(incident))
            );
        }
        if !self.causes().is_empty() {
            out.push('\n');
        }
        for cause in self.causes() {
            let word = form.strong(&format!("{:<8}", cause.severity.word()).to_uppercase());
            let word = if form.item() == "- " {
                word.replace(' ', "")
            } else {
                word
            };
            let today = self.now.duration_since(cause.since).as_hours() < 20;
            let since = cause.since.strftime(if today { "%H:%MZ" } else { "%Y-%m-%d %H:%MZ" });
            let line = form.say(&cause.line(self.now));
            let _ = writeln!(out, "{}{word}  {line} (since {since})", form.item());
            let evidence: Vec<String> = cause
                .evidence
                .iter()
                .map(|e| format!("{} {}", e.label, form.say(&e.value)))
                .collect();
            if !evidence.is_empty() {
                let _ = writeln!(out, "{}{}", form.below(), evidence.join(", "));
            }
            if let Some(book) = cause.runbook {
                let _ = writeln!(out, "{}runbook {book}", form.below());
            }
        }
        if !self.unknown.is_empty() {
            let _ = writeln!(out, "\n{}", form.strong("Not known"));
            for why in self.unknown {
                let _ = writeln!(out, "{}{}", form.item(), form.say(why));
            }
        }
        out
    }

    fn json(&self, verdict: Verdict) -> String {
        let text = |t: &str| clean(t).into_owned();
        let causes: Vec<_> = self
            .causes()
            .iter()
            .map(|c| {
                let evidence: Vec<_> = c
                    .evidence
                    .iter()
                    .map(|e| json!({ "label": e.label, "value": text(&e.value) }))
                    .collect();
                json!({
                    "id": c.id, "severity": c.severity.word(), "title": c.line(self.now), "since": c.since,
                    "observed": c.observed, "stale": c.stale, "evidence": evidence, "runbook": c.runbook,
                })
            })
            .collect();
        let incident = self.about.incident.map(|i| {
            json!({
                "id": i.id, "severity": text(&i.level.name), "title": text(i.title()), "status": i.status.word(),
                "commander": text(&i.commander), "started": i.started, "next_update": i.next_update,
            })
        });
        super::json(&json!({
            "at": self.now, "platform": text(self.about.platform), "class": self.about.class,
            "scope": text(self.about.scope), "incident": incident, "causes": causes, "unknown": self.unknown,
            "verdict": match verdict {
                Verdict::Fine => "fine",
                Verdict::Wrong => "wrong",
                Verdict::Unknown => "unknown",
            },
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Batch, FeedId, Freshness, Kind};
    use crate::signal::Thresholds;

    fn about() -> About<'static> {
        About {
            platform: "eu @here <script>",
            class: "PROD",
            scope: "shop",
            incident: None,
            cluster: true,
            no_cluster: None,
        }
    }

    fn page(state: Freshness, form: StatusForm) -> Answer {
        let mut world = World::default();
        let feeds = Kind::ALL.into_iter().map(|k| (FeedId::Watch(k), Freshness::Fresh));
        world.apply(Batch {
            feeds: feeds.chain([(FeedId::Watch(Kind::Pod), state)]).collect(),
            ..Batch::default()
        });
        let now = "2026-11-01T14:00:00Z".parse().unwrap();
        let mut judge = Judge::new(Thresholds::default());
        judge.update(&world, now);
        status(&world, &judge, &about(), now, form)
    }

    #[test]
    fn what_is_not_known_is_never_told_as_fine() {
        let fine = page(Freshness::Fresh, StatusForm::Text);
        assert_eq!(fine.verdict, Verdict::Fine);
        assert_eq!(
            fine.text,
            "eu @here <script> · PROD · shop · 2026-11-01 14:00 UTC\nnothing calls for attention\n"
        );
        let why = Freshness::Forbidden {
            why: "pods is *forbidden*".into(),
        };
        let dark = page(why, StatusForm::Markdown);
        assert_ne!(dark.verdict, Verdict::Fine);
        assert!(
            dark.text
                .contains("**Not known**\n- pods: not permitted: pods is \\*forbidden\\*\n")
        );
        assert!(!dark.text.contains("nothing calls"), "{}", dark.text);
    }

    #[test]
    fn a_page_for_a_narrow_terminal_breaks_no_word_and_loses_none() {
        let page = "head\n  CRITICAL  rollout cortex-api stalled\n            desired 5\n";
        let narrow = fit(page, 26);
        assert_eq!(
            narrow,
            "head\n  CRITICAL  rollout\n      cortex-api stalled\n            desired 5\n"
        );
        assert_eq!(fit(page, 80), page);
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&fit(page, 1)), words(page));
    }

    #[test]
    fn a_name_from_outside_calls_nobody_in_the_channel() {
        let page = page(Freshness::Fresh, StatusForm::Markdown).text;
        assert!(page.starts_with("**eu @\u{2060}here \\<script\\>**"), "{page}");
    }
}
