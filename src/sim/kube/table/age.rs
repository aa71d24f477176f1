//! Durations as `kubectl` prints them (`k8s.io/apimachinery/pkg/util/duration`).

use jiff::{SignedDuration, Timestamp};

/// How long ago `at` (RFC 3339) was; `<unknown>` when it is no time.
pub fn since(at: &str, now: Timestamp) -> String {
    at.parse::<Timestamp>()
        .map_or_else(|_| "<unknown>".to_owned(), |at| human(now.duration_since(at)))
}

/// A duration with its two largest units at most, as `3d4h`, `7m32s`.
pub fn human(d: SignedDuration) -> String {
    let seconds = d.as_secs();
    let two = |a: i64, unit: &str, b: i64, small: &str| {
        if b == 0 {
            format!("{a}{unit}")
        } else {
            format!("{a}{unit}{b}{small}")
        }
    };
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match seconds {
        i64::MIN..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        _ if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        _ if minutes < 180 => format!("{minutes}m"),
        _ if hours < 8 => two(hours, "h", minutes % 60, "m"),
        _ if hours < 48 => format!("{hours}h"),
        _ if hours < 24 * 8 => two(hours / 24, "d", hours % 24, "h"),
        _ if hours < 24 * 365 * 2 => format!("{}d", hours / 24),
        _ if hours < 24 * 365 * 8 => two(hours / 24 / 365, "y", (hours / 24) % 365, "d"),
        _ => format!("{}y", hours / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_kubectl_prints_them() {
        let print = |s| human(SignedDuration::from_secs(s));
        assert_eq!(
            [
                -5, -1, 0, 119, 120, 452, 600, 10_799, 10_800, 28_799, 28_800, 172_800, 190_000, 700_000, 63_072_000
            ]
            .map(print),
            [
                "<invalid>",
                "0s",
                "0s",
                "119s",
                "2m",
                "7m32s",
                "10m",
                "179m",
                "3h",
                "7h59m",
                "8h",
                "2d",
                "2d4h",
                "8d",
                "2y"
            ]
        );
    }
}
