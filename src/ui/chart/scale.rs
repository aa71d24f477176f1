//! Values as rows, and as words.

use crate::app::charts::Unit;
use crate::text;

/// A value as it is written beside the chart.
pub fn written(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Count => crate::panes::item::count(value.max(0.0).round() as u64),
        Unit::Bytes => text::bytes(value.max(0.0) as u64),
        Unit::PerSecond => format!("{}/s", crate::panes::item::rate(value)),
        Unit::PerMinute => format!("{}/min", crate::panes::item::rate(value)),
        Unit::Seconds => text::age(jiff::SignedDuration::from_secs(value as i64)),
        Unit::Milliseconds => format!("{value:.0} ms"),
        Unit::Cores => text::cpu((value.max(0.0) * 1000.0).round() as u64),
        Unit::Share => match value * 100.0 {
            0.0 => "0 %".to_owned(),
            p if p < 1.0 => format!("{p:.2} %"),
            p if p < 9.95 => format!("{p:.1} %"),
            p => format!("{p:.0} %"),
        },
        Unit::Times if value < 0.05 => "0 ×".to_owned(),
        Unit::Times if value < 99.5 => format!("{value:.1} ×"),
        Unit::Times => format!("{value:.0} ×"),
    }
}

/// The next round number above, so that the labels can be read: 1, 2, 2.5, 5 times a power of ten; of bytes and of time
/// as it is.
pub fn roof(unit: Unit, most: f64) -> f64 {
    if most <= 0.0 {
        return match unit {
            Unit::Share => 0.01,
            Unit::Cores => 0.1,
            _ => 1.0,
        };
    }
    if matches!(unit, Unit::Bytes) {
        let step = 2_f64.powf((most.log2() - 2.0).floor());
        return (most / step).ceil() * step;
    }
    let power = 10_f64.powf(most.log10().floor());
    // Half of each, which is written beside the chart, is round, too.
    let found = [1.0, 1.2, 1.6, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0].map(|m| m * power);
    let roof = found.into_iter().find(|r| *r >= most).unwrap_or(most);
    // Half a thing is none.
    if matches!(unit, Unit::Count) { roof.ceil() } else { roof }
}

pub struct Scale {
    pub top: f64,
    pub rows: u16,
}

impl Scale {
    /// Eighths of a row from the ground up.
    pub fn eighths(&self, value: f64) -> u32 {
        let whole = f64::from(self.rows) * 8.0;
        (value.max(0.0) / self.top * whole).round().min(whole) as u32
    }

    /// The row, from the top, in which a bar of this height ends.
    pub fn row(&self, value: f64) -> u16 {
        self.rows
            .saturating_sub(1 + (self.eighths(value).saturating_sub(1) / 8) as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_roof_is_round_and_never_below_what_is_under_it() {
        for most in [0.3, 1.0, 7.0, 92.0, 4812.0, 10_000.0] {
            let roof = roof(Unit::PerSecond, most);
            assert!(roof >= most && roof <= most * 1.7, "{most}: {roof}");
        }
        // Half of the top is written, too: 25 % would have 12 % there.
        for percent in [0.4, 3.0, 11.0, 21.0, 24.0, 57.0] {
            let top = roof(Unit::Share, percent / 100.0);
            let [all, half] = [top, top / 2.0].map(|share| written(Unit::Share, share));
            let number = |text: &str| text.trim_end_matches(" %").parse::<f64>().unwrap();
            assert!((number(&all) - 2.0 * number(&half)).abs() < 1e-9, "{all} {half}");
        }
        let three = 3.3 * 1024.0 * 1024.0 * 1024.0;
        assert!(roof(Unit::Bytes, three) >= three);
        assert_eq!(
            [0.0, 0.0021, 0.034, 0.57].map(|v| written(Unit::Share, v)),
            ["0 %", "0.21 %", "3.4 %", "57 %"]
        );
    }
}
