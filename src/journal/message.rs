//! What others are told of an incident: the platform's communication templates (its plan's section 7.3), filled from the
//! incident. What is not known yet stands between `<` and `?>`, so that nobody sends it by mistake.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use super::incident::{Fact, Incident, Status};

/// What must be filled in before it may be sent: each between `<` and `?>`.
pub fn gaps(text: &str) -> Vec<&str> {
    text.match_indices("?>")
        .filter_map(|(end, _)| {
            let begin = text.get(..end)?.rfind('<')?;
            text.get(begin + 1..end).filter(|gap| !gap.contains('\n'))
        })
        .collect()
}

fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `2 h 5 min`
pub fn length(d: SignedDuration) -> String {
    let minutes = d.as_mins().max(0);
    match (minutes / 60, minutes % 60) {
        (0, m) => format!("{m} min"),
        (h, 0) => format!("{h} h"),
        (h, m) => format!("{h} h {m} min"),
    }
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars
        .next()
        .map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

/// The subject: the first line of a message.
pub fn subject(incident: &Incident, status: Status) -> String {
    let (level, service, title) = (&incident.level.name, &incident.service, incident.title());
    match status {
        Status::Resolved => format!("[RESOLVED] {service} - {title}"),
        Status::Investigating if incident.sent.is_empty() => format!("[{level}] {service} - {title}"),
        _ => format!("[UPDATE] [{level}] {service} - {title}"),
    }
}

/// A message that says `status`, as of `now`. Only [`Status::Resolved`] says that it is over. `done` is what was changed
/// so far, for want of a sentence of the operator's.
pub fn message(incident: &Incident, status: Status, done: &[String], now: Timestamp) -> String {
    let mut out = format!("Subject: {}\n\n", subject(incident, status));
    let fact = |f: Fact, unknown: &str| match incident.fact(f) {
        "" if unknown.is_empty() => None,
        "" => Some(format!("<{unknown}?>")),
        known => Some(known.to_owned()),
    };
    let service = &incident.service;
    let every = length(SignedDuration::from_mins(i64::from(incident.level.every_minutes)));
    let impact = fact(Fact::Impact, "what can users not do").unwrap_or_default();
    let mut line = |label: &str, text: Option<String>| {
        if let Some(text) = text {
            let _ = writeln!(out, "**{label}:** {text}");
        }
    };
    let mitigation = || {
        fact(Fact::Mitigation, "").or_else(|| match done {
            [] => None,
            done => Some(done.join("; ")),
        })
    };
    match status {
        Status::Investigating if incident.sent.is_empty() => {
            let _ = writeln!(out, "We are investigating an issue affecting {service}.\n");
            let mut line = |label: &str, text: &str| {
                let _ = writeln!(out, "**{label}:** {text}");
            };
            line("Impact", &impact);
            line("Status", "Investigating");
            line("Started", &utc(incident.started));
            let _ = write!(out, "\nUpdates will be provided every {every}.");
        }
        Status::Resolved => {
            let _ = writeln!(out, "The incident has been resolved.\n");
            let mut line = |label: &str, text: &str| {
                let _ = writeln!(out, "**{label}:** {text}");
            };
            let end = incident.ended().unwrap_or(now);
            let total = length(end.duration_since(incident.started));
            line(
                "Duration",
                &format!("{} - {} ({total})", utc(incident.started), utc(end)),
            );
            line("Impact", &impact);
            line("Root Cause", &fact(Fact::Cause, "what caused it").unwrap_or_default());
            line(
                "Resolution",
                &fact(Fact::Resolution, "what fixed it").unwrap_or_default(),
            );
            line(
                "Follow-up",
                &fact(Fact::FollowUp, "planned improvements").unwrap_or_default(),
            );
            let _ = write!(out, "\nFull postmortem will be published within 48 hours.");
        }
        _ => {
            line("Status", Some(capital(status.word())));
            line("Impact", Some(impact));
            line("Started", Some(utc(incident.started)));
            let cause = match status {
                Status::Identified => fact(Fact::Cause, "what is the cause"),
                _ => fact(Fact::Cause, ""),
            };
            line("Root Cause", cause);
            line("Mitigation", mitigation());
            line("ETA", fact(Fact::Eta, ""));
            if status == Status::Monitoring {
                let _ = write!(
                    out,
                    "\nA fix is in place and we are watching that it holds. The incident is not over.\n"
                );
            }
            let _ = write!(out, "\nNext update in {every}.");
        }
    }
    out.push('\n');
    out
}
