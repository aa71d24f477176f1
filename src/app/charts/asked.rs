//! What a Prometheus was asked for an open chart. It is asked once when a value and a time are chosen, and again when the
//! answer is older than [`AGAIN`], as long as somebody looks.

use jiff::{SignedDuration, Timestamp};

use super::{Chart, KeptBy};
use crate::app::layers::ChartView;
use crate::app::msg::{Effect, Fetch, Fetched};
use crate::app::{App, Layer, Token};
use crate::model::{Found, Points, RangeAnswer, RangeAsk, SourceKind, Str};

/// No answer is asked for again sooner.
const AGAIN: SignedDuration = SignedDuration::from_secs(30);

/// Steps in which points may lie: the first that gives no more points than there are columns.
const STEPS: [i64; 13] = [
    15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200,
];

/// Columns of a chart's frame and labels.
const AROUND: u16 = 14;

/// One question and its answer.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Which value, and which range.
    at: (usize, usize),
    token: Token,
    when: Timestamp,
    step: i64,
    pending: bool,
    answer: Option<Result<RangeAnswer, String>>,
}

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Shown {
    pub chart: Chart,
    /// Its source was asked and has not answered yet.
    pub asking: bool,
    /// Why it is not of a Prometheus, or what that said beside its answer; calm words.
    pub note: Option<String>,
    /// What was asked, where there was no series or no answer.
    pub query: Option<String>,
}

/// Seconds between two points of a chart of so many columns.
fn step_of(seconds: i64, columns: u16) -> i64 {
    let most = i64::from(columns.saturating_sub(AROUND)).max(20);
    STEPS.into_iter().find(|s| seconds / s <= most).unwrap_or(86_400)
}

fn timed(points: &Points, scale: f64) -> Vec<(Timestamp, f64)> {
    let at = |s: i64| Timestamp::from_second(s).ok();
    points.iter().filter_map(|(s, v)| Some((at(*s)?, v * scale))).collect()
}

impl App {
    /// Asks for what an open chart shows, if that is due.
    pub(crate) fn ask_for_chart(&mut self) -> Option<Effect> {
        let Some(Layer::Chart(view)) = self.layers.last() else {
            return None;
        };
        let (at, now) = ((view.at, view.range), self.now);
        let old = view.asked.iter().find(|a| a.at == at);
        let due = old.is_none_or(|a| {
            let fresh = now.duration_since(a.when) < AGAIN;
            !a.pending && !fresh && self.terminal_focused
        });
        if !due {
            return None;
        }
        let asking = self.charts(&view.of).get(view.at)?.asking.clone()?;
        let (_, seconds) = view.range();
        let step = step_of(seconds, self.size.0);
        let token = self.next_token();
        let Some(Layer::Chart(view)) = self.layers.last_mut() else {
            return None;
        };
        let answer = view
            .asked
            .iter()
            .position(|a| a.at == at)
            .and_then(|i| view.asked.remove(i).answer);
        view.asked.push(Asked {
            at,
            token,
            when: now,
            step,
            pending: true,
            answer,
        });
        let ask = RangeAsk {
            source: asking.source,
            id: asking.id,
            bound: asking.bound,
            about: asking.about,
            pick: asking.pick,
            to: now.as_second(),
            seconds: seconds / step * step,
            step,
        };
        Some(Effect::Fetch(token, Fetch::Range(Box::new(ask))))
    }

    /// What the chart of `view` shows now; `None`: the thing has no such value any more.
    pub fn chart_shown(&self, view: &ChartView) -> Option<Shown> {
        let charts = self.charts(&view.of);
        let at = view.at.min(charts.len().saturating_sub(1));
        let mut shown = Shown {
            chart: charts.into_iter().nth(at)?,
            asking: false,
            note: None,
            query: None,
        };
        let Some(asking) = shown.chart.asking.clone() else {
            return Some(shown);
        };
        let Some(asked) = view.asked.iter().find(|a| a.at == (at, view.range)) else {
            shown.asking = true;
            return Some(shown);
        };
        shown.asking = asked.pending && asked.answer.is_none();
        match &asked.answer {
            None => {}
            Some(Err(why)) => shown.note = Some(why.clone()),
            Some(Ok(answer)) => self.answered(&mut shown, asked.step, asking.thousandths, answer),
        }
        Some(shown)
    }

    fn answered(&self, shown: &mut Shown, step: i64, thousandths: bool, answer: &RangeAnswer) {
        let source = &answer.source;
        let more = if self
            .sources
            .iter()
            .filter(|id| id.kind == SourceKind::Prometheus)
            .count()
            > 1
        {
            "no Prometheus".to_owned()
        } else {
            format!("Prometheus {source}")
        };
        let query = || Some(answer.query.clone()).filter(|q| !q.is_empty());
        match &answer.found {
            Found::Series {
                points,
                bound,
                warnings,
            } => {
                shown.chart.points = timed(points, if thousandths { 1000.0 } else { 1.0 });
                shown.chart.kept_by = KeptBy::Prometheus(source.clone());
                shown.chart.step = Some(step);
                shown.chart.stands = false;
                if let Some(kept) = &mut shown.chart.bound {
                    kept.points = timed(bound, 1.0);
                }
                shown.note = warnings.first().map(Str::to_string);
            }
            Found::NoSeries { needs } => {
                let has = if more.starts_with("no ") { "has" } else { "has no" };
                let needs = if needs.is_empty() {
                    String::new()
                } else {
                    format!("; it would come from {needs}")
                };
                shown.note = Some(format!("{more} {has} series of this in this time{needs}"));
                shown.query = query();
            }
            Found::NotAsked => {}
            Found::Failed(why) => {
                shown.note = Some(format!("Prometheus {source} did not answer: {why}"));
                shown.query = query();
            }
        }
    }
}

impl ChartView {
    /// Whether the answer to `token` is to a question of this chart.
    pub(crate) fn awaits(&self, token: Token) -> bool {
        self.asked.iter().any(|a| a.token == token)
    }

    /// Takes an answer.
    pub(crate) fn take(&mut self, token: Token, answer: &Result<Fetched, String>) {
        let Some(asked) = self.asked.iter_mut().find(|a| a.token == token) else {
            return;
        };
        asked.pending = false;
        let new = match answer {
            Ok(Fetched::Range(answer)) => Ok((**answer).clone()),
            Ok(_) => Err("another answer than was asked for".to_owned()),
            Err(why) => Err(why.clone()),
        };
        asked.answer = Some(new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::layers::RANGES;

    #[test]
    fn a_chart_never_asks_for_more_points_than_it_has_columns() {
        for columns in [80, 120, 250] {
            for (name, seconds) in RANGES {
                let step = step_of(seconds, columns);
                let points = seconds / step;
                assert!(
                    points <= i64::from(columns - AROUND) && points >= 20,
                    "{columns} {name}: {points}"
                );
            }
        }
    }
}
