//! The PromQL texts of the charts. Each is sent with its id in a comment, and each can be replaced in the configuration.
//!
//! `$namespace`, `$pod`, `$workload` and so on are what the chart is about, with quotes escaped. `$window` is the range of
//! a rate: five minutes, which holds two scrapes even of a server that scrapes once a minute, or the step where that is
//! longer. `$most(` … `$over)` is `max_over_time(` … `[step])` where points lie further apart than scrapes, so that a
//! peak between two of them is not lost; else plain parentheses. `$least(` does the same for dips. `$labels` are the matchers of the configuration but for
//! those that the text names itself.

use super::queries::Query;
use crate::config::PrometheusSource;

/// Steps longer than this lose what is scraped between them.
const SCRAPE: i64 = 60;
/// The range of a rate, in seconds, unless the step is longer.
const RATE: i64 = 300;

/// Where such series come from.
const CADVISOR: &str = "cAdvisor (the kubelets' /metrics/cadvisor)";
const STATE: &str = "kube-state-metrics, scraped with honor_labels";

const fn query(id: &'static str, text: &'static str, needs: &'static str) -> Query {
    Query { id, text, needs }
}

/// All of them. One without a text is asked only where the configuration has one.
pub const CHARTS: [Query; 25] = [
    query(
        "pod.cpu",
        "sum(rate(container_cpu_usage_seconds_total{namespace=\"$namespace\",pod=\"$pod\",container!=\"\",\
         container!=\"POD\",$labels}[$window]))",
        CADVISOR,
    ),
    query(
        "pod.cpu-limit",
        "sum(kube_pod_container_resource_limits{namespace=\"$namespace\",pod=\"$pod\",resource=\"cpu\",$labels})",
        STATE,
    ),
    query(
        "pod.memory",
        "sum($most(container_memory_working_set_bytes{namespace=\"$namespace\",pod=\"$pod\",container!=\"\",\
         container!=\"POD\",$labels}$over))",
        CADVISOR,
    ),
    query(
        "pod.memory-limit",
        "sum(kube_pod_container_resource_limits{namespace=\"$namespace\",pod=\"$pod\",resource=\"memory\",$labels})",
        STATE,
    ),
    query(
        "pod.restarts",
        "sum(kube_pod_container_status_restarts_total{namespace=\"$namespace\",pod=\"$pod\",$labels})",
        STATE,
    ),
    query(
        "pod.throttled",
        "sum(rate(container_cpu_cfs_throttled_periods_total{namespace=\"$namespace\",pod=\"$pod\",container!=\"\",\
         $labels}[$window])) / sum(rate(container_cpu_cfs_periods_total{namespace=\"$namespace\",pod=\"$pod\",\
         container!=\"\",$labels}[$window]))",
        CADVISOR,
    ),
    query(
        "deployment.ready",
        "max($least(kube_deployment_status_replicas_ready{namespace=\"$namespace\",deployment=\"$workload\",$labels}$over))",
        STATE,
    ),
    query(
        "deployment.wanted",
        "max($least(kube_deployment_spec_replicas{namespace=\"$namespace\",deployment=\"$workload\",$labels}$over))",
        STATE,
    ),
    query(
        "statefulset.ready",
        "max($least(kube_statefulset_status_replicas_ready{namespace=\"$namespace\",statefulset=\"$workload\",$labels}$over))",
        STATE,
    ),
    query(
        "statefulset.wanted",
        "max($least(kube_statefulset_replicas{namespace=\"$namespace\",statefulset=\"$workload\",$labels}$over))",
        STATE,
    ),
    query(
        "daemonset.ready",
        "max($least(kube_daemonset_status_number_ready{namespace=\"$namespace\",daemonset=\"$workload\",$labels}$over))",
        STATE,
    ),
    query(
        "daemonset.wanted",
        "max($least(kube_daemonset_status_desired_number_scheduled{namespace=\"$namespace\",daemonset=\"$workload\",$labels}$over))",
        STATE,
    ),
    query(
        "workload.cpu",
        "sum(rate(container_cpu_usage_seconds_total{namespace=\"$namespace\",pod=~\"$pods\",container!=\"\",\
         container!=\"POD\",$labels}[$window]))",
        CADVISOR,
    ),
    // Of the largest pod, against the limit of one: that is the one that is killed.
    query(
        "workload.memory",
        "max(sum by (pod) ($most(container_memory_working_set_bytes{namespace=\"$namespace\",pod=~\"$pods\",\
         container!=\"\",container!=\"POD\",$labels}$over)))",
        CADVISOR,
    ),
    query(
        "workload.memory-limit",
        "max(sum by (pod) (kube_pod_container_resource_limits{namespace=\"$namespace\",pod=~\"$pods\",\
         resource=\"memory\",$labels}))",
        STATE,
    ),
    query(
        "workload.restarts",
        "sum(kube_pod_container_status_restarts_total{namespace=\"$namespace\",pod=~\"$pods\",$labels})",
        STATE,
    ),
    query("queue.ready", "", ""),
    query("queue.oldest", "", ""),
    query("redis.memory", "", ""),
    query("redis.commands", "", ""),
    query("redis.clients", "", ""),
    query("postgres.connections", "", ""),
    query("postgres.busy", "", ""),
    query("postgres.waiting", "", ""),
    query("postgres.longest", "", ""),
];

/// Within quotes of PromQL.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Fills a text in, in one pass: nothing that is put in is looked at again.
pub(super) fn fill(source: &PrometheusSource, text: &str, about: &[(&str, String)], step: i64) -> String {
    let long = step > SCRAPE;
    let value = |name: &str| -> Option<String> {
        Some(match name {
            "labels" => {
                let named = |key: &str| ["=", "!"].iter().any(|op| text.contains(&format!("{key}{op}")));
                let all = source.labels.iter().filter(|(k, _)| !named(k));
                let all: Vec<String> = all.map(|(k, v)| format!("{k}=\"{}\",", escaped(v))).collect();
                all.concat()
            }
            "by" => source.by.clone().unwrap_or_else(|| "job".to_owned()),
            "window" => format!("{}s", step.max(RATE)),
            "most" => (if long { "max_over_time" } else { "" }).to_owned(),
            "least" => (if long { "min_over_time" } else { "" }).to_owned(),
            "over" => {
                if long {
                    format!("[{step}s]")
                } else {
                    String::new()
                }
            }
            name => escaped(&about.iter().find(|(k, _)| *k == name)?.1),
        })
    };
    let mut out = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let end = after.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(after.len());
        let (name, tail) = after.split_at(end);
        if let Some(value) = value(name) {
            out.push_str(&value);
        } else {
            // A `$` of the text's own, in a regular expression say.
            out.push('$');
            out.push_str(name);
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(id: &str) -> &'static str {
        CHARTS.iter().find(|q| q.id == id).unwrap().text
    }

    #[test]
    fn what_a_chart_is_about_stays_within_its_quotes_and_names_its_own_namespace() {
        let mut source = PrometheusSource::default();
        source.labels.insert("namespace".into(), "elsewhere".into());
        source.labels.insert("cluster".into(), "prod".into());
        let about = [("namespace", "a".to_owned()), ("pod", "x\"} or $labels".to_owned())];
        assert_eq!(
            fill(&source, text("pod.restarts"), &about, 15),
            "sum(kube_pod_container_status_restarts_total{namespace=\"a\",pod=\"x\\\"} or $labels\",cluster=\"prod\",})"
        );
    }

    #[test]
    fn a_peak_between_two_points_is_asked_for_and_a_rate_spans_two_scrapes() {
        let source = PrometheusSource::default();
        let about = [("namespace", "a".to_owned()), ("pod", "b".to_owned())];
        let memory = |step| fill(&source, text("pod.memory"), &about, step);
        assert!(
            memory(900).contains("max_over_time(") && memory(900).contains("}[900s]))"),
            "{}",
            memory(900)
        );
        assert!(
            memory(15).starts_with("sum((container") && memory(15).ends_with("}))"),
            "{}",
            memory(15)
        );
        let cpu = |step| fill(&source, text("pod.cpu"), &about, step);
        assert!(cpu(15).contains("[300s]") && cpu(7200).contains("[7200s]"));
    }
}
