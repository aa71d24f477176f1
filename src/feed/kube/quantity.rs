//! Kubernetes quantities: `250m`, `1Gi`, `74443542n`, `12e6`.

/// In base units (cores, bytes, counts). `None` when it is no quantity.
pub fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    let split = text
        .char_indices()
        .find(|(i, c)| !(c.is_ascii_digit() || *c == '.' || (*i == 0 && (*c == '-' || *c == '+'))))
        .map_or(text.len(), |(i, _)| i);
    let (number, suffix) = text.split_at_checked(split)?;
    let number: f64 = number.parse().ok()?;
    let factor = match suffix {
        "" => 1.0,
        // Divided, because a thousandth has no exact form: 2550m is 2.55.
        "n" => return Some(number / 1e9),
        "u" => return Some(number / 1e6),
        "m" => return Some(number / 1e3),
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0_f64.powi(3),
        "Ti" => 1024.0_f64.powi(4),
        "Pi" => 1024.0_f64.powi(5),
        "Ei" => 1024.0_f64.powi(6),
        exponent => {
            let exponent = exponent.strip_prefix(['e', 'E'])?;
            10.0_f64.powi(exponent.parse().ok()?)
        }
    };
    Some(number * factor)
}

/// CPU in millicores, rounded up as kubectl does.
pub fn millicores(text: &str) -> u64 {
    parse(text).map_or(0, |v| (v * 1000.0 - 1e-6).ceil().max(0.0) as u64)
}

/// Bytes.
pub fn bytes(text: &str) -> u64 {
    parse(text).map_or(0, |v| v.max(0.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_the_server_writes_them() {
        for (text, value) in [
            ("250m", 0.25),
            ("2", 2.0),
            ("1Ki", 1024.0),
            ("12e3", 12000.0),
            ("1.5G", 1.5e9),
            ("3E", 3e18),
        ] {
            assert!((parse(text).unwrap() - value).abs() < value * 1e-9, "{text}");
        }
        assert_eq!(millicores("74443542n"), 75);
        assert_eq!(millicores("64"), 64_000);
        assert_eq!(bytes("130858Ki"), 130_858 * 1024);
        assert_eq!(parse("lots"), None);
    }
}
