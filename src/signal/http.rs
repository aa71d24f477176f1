//! Endpoints that do not answer as they should.

use super::finding::{Finding, Look};
use super::{Evidence, Severity, Subject, Title};

use crate::model::{HttpChecks, SourceKind};

pub(super) fn look(look: &Look<'_>, out: &mut Vec<Finding>) {
    for (name, seen) in &look.world.sources.http {
        let severity = match (seen.is_down(), seen.is_slow()) {
            (true, _) => Severity::Critical,
            (false, true) => Severity::Warning,
            _ if seen.failures > 0 || seen.slow > 0 => {
                // Neither well nor down: what was raised stays until that is clear.
                out.push(Finding::blind("http.down", SourceKind::Http, name));
                continue;
            }
            _ => continue,
        };
        let mut finding = Finding::new("http.down", severity, Subject::named("http", name), &[]);
        finding.of_source(SourceKind::Http, name);
        finding.runbook = Some("high-error-rate");
        let down = severity == Severity::Critical;
        let since = if down { seen.bad_since } else { seen.slow_since };
        finding.since = since.map(|s| look.world.server_now(s));
        finding.title = Title {
            what: format!("http {name}"),
            state: if down { "down" } else { "slow" }.to_owned(),
            cause: cause(seen, down),
            about: seen.url.to_string(),
        };
        let tries = if down { seen.failures } else { seen.slow };
        finding.evidence = vec![
            Evidence::new("tries", tries),
            Evidence::new("expected", seen.expected()),
        ];
        out.push(finding);
    }
}

fn cause(seen: &HttpChecks, down: bool) -> String {
    match (&seen.reply.problem, seen.reply.last()) {
        (Some(problem), _) => problem.words().to_string(),
        (None, Some(reply)) if !down => {
            format!("{} ms, limit {} ms", reply.took.as_millis(), seen.limit.as_millis())
        }
        (None, Some(reply)) if reply.location.is_empty() => format!("status {}", reply.status),
        (None, Some(reply)) => format!("status {} to {}", reply.status, reply.location),
        (None, None) => String::new(),
    }
}
