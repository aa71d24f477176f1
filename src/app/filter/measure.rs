//! Numbers with units, as they are typed and as tables show them.

/// In what a column counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Seconds: `90s`, `5m`, `2h`, `3d`, `4:12`.
    Time,
    /// Millicores: `500m`, `2`.
    Cpu,
    /// Bytes: `1Gi`, `512Mi`, `2 GB`.
    Bytes,
    /// Whatever the number's own unit says.
    Plain,
}

impl Measure {
    /// Of a column by its id.
    pub fn of(field: &str) -> Self {
        match field {
            "age" | "last" | "oldest" | "left" | "lag" => Self::Time,
            "cpu" => Self::Cpu,
            "memory" => Self::Bytes,
            _ => Self::Plain,
        }
    }

    /// What may be written, for who wrote something else.
    pub const fn example(self) -> &'static str {
        match self {
            Self::Time => "90s, 5m, 2h, 3d",
            Self::Cpu => "500m or 2",
            Self::Bytes => "512Mi or 1Gi",
            Self::Plain => "3, 10k, 90%",
        }
    }
}

/// Whether what stands in the column changes without the row's changing.
pub(super) fn moves_by_itself(field: &str) -> bool {
    matches!(field, "age" | "last" | "cpu" | "memory")
}

/// The number that a text begins with, in the measure's unit: `4,812`, `3/5` (as 3), `7 2h` (as 7), `–` (none).
pub fn amount(text: &str, measure: Measure) -> Option<f64> {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | '+')))
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    let number: f64 = digits.replace(',', "").parse().ok()?;
    if let Some(seconds) = rest.strip_prefix(':') {
        let seconds: f64 = seconds.get(..2)?.parse().ok()?;
        return Some(number * 60.0 + seconds);
    }
    let rest = rest.trim_start();
    let unit_end = rest
        .find(|c: char| !(c.is_ascii_alphabetic() || c == '%'))
        .unwrap_or(rest.len());
    let unit = rest.get(..unit_end)?;
    Some(number * factor(unit, measure)?)
}

fn factor(unit: &str, measure: Measure) -> Option<f64> {
    let time = |unit: &str| {
        Some(match unit {
            "s" | "sec" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            "w" => 604_800.0,
            "y" => 31_536_000.0,
            _ => return None,
        })
    };
    let size = |unit: &str| {
        let (power, binary) = match unit.trim_end_matches(['B', 'b']) {
            "" => (0, true),
            "k" | "K" => (1, false),
            "M" => (2, false),
            "G" => (3, false),
            "T" => (4, false),
            "Ki" => (1, true),
            "Mi" => (2, true),
            "Gi" => (3, true),
            "Ti" => (4, true),
            _ => return None,
        };
        Some(if binary { 1024_f64 } else { 1000.0 }.powi(power))
    };
    match measure {
        Measure::Time if unit.is_empty() => Some(1.0),
        Measure::Time => time(unit),
        Measure::Cpu => match unit {
            "" => Some(1000.0),
            "m" => Some(1.0),
            _ => None,
        },
        Measure::Bytes => size(unit),
        Measure::Plain => match unit {
            "" | "%" => Some(1.0),
            "ms" => Some(0.001),
            _ => time(unit).or_else(|| size(unit)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tables_show_and_what_people_type_are_the_same_numbers() {
        let same = |a, b, m| assert_eq!(amount(a, m), amount(b, m), "{a} {b}");
        same("11m", "660s", Measure::Time);
        same("4:12", "252s", Measure::Time);
        same("3 d", "72h", Measure::Time);
        same("1500m", "1.5", Measure::Cpu);
        same("3.5 GiB", "3584Mi", Measure::Bytes);
        same("4,812", "4812", Measure::Plain);
        same("8.2k", "8200", Measure::Plain);
        same("90 %", "90", Measure::Plain);
        same("3/5", "3", Measure::Plain);
        same("7  2h", "7", Measure::Plain);
        assert_eq!(amount("–", Measure::Plain), None);
        assert_eq!(amount("5h", Measure::Cpu), None);
    }
}
