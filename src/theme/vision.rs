//! How colours look to eyes that see fewer of them, and how far apart two are.
//!
//! About one man in twelve sees red and green alike. What is critical, a warning or well must differ for them by colour
//! too, beside the glyph and the word.

use super::colour::{Rgb, linear};

/// How somebody sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vision {
    /// As most people do.
    Full,
    /// Without the red cones.
    Protanopia,
    /// Without the green cones.
    Deuteranopia,
    /// Without the blue cones.
    Tritanopia,
}

impl Vision {
    /// Every way of seeing.
    pub const ALL: [Self; 4] = [Self::Full, Self::Protanopia, Self::Deuteranopia, Self::Tritanopia];

    /// What becomes of red, green and blue light: Machado, Oliveira and Fernandes, 2009, at full severity.
    const fn matrix(self) -> [[f64; 3]; 3] {
        match self {
            Self::Full => [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            Self::Protanopia => [
                [0.152_286, 1.052_583, -0.204_868],
                [0.114_503, 0.786_281, 0.099_216],
                [-0.003_882, -0.048_116, 1.051_998],
            ],
            Self::Deuteranopia => [
                [0.367_322, 0.860_646, -0.227_968],
                [0.280_085, 0.672_501, 0.047_413],
                [-0.011_820, 0.042_940, 0.968_881],
            ],
            Self::Tritanopia => [
                [1.255_528, -0.076_749, -0.178_779],
                [-0.078_411, 0.930_809, 0.147_602],
                [0.004_733, 0.691_367, 0.303_900],
            ],
        }
    }

    /// How far apart two colours are for these eyes: the distance in CIE L*a*b* (1976). About 2 is just seen beside each
    /// other; 10 is seen at a glance.
    pub fn distance(self, a: Rgb, b: Rgb) -> f64 {
        let (a, b) = (self.lab(a), self.lab(b));
        a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt()
    }

    fn lab(self, (red, green, blue): Rgb) -> [f64; 3] {
        let light = [linear(red), linear(green), linear(blue)];
        let seen = self
            .matrix()
            .map(|row| row.iter().zip(light).map(|(m, l)| m * l).sum::<f64>().clamp(0.0, 1.0));
        // To CIE XYZ under daylight (D65), each relative to white.
        let relative = |row: [f64; 3], white: f64| {
            let t = row.iter().zip(seen).map(|(m, l)| m * l).sum::<f64>() / white;
            if t > 0.008_856 {
                t.cbrt()
            } else {
                7.787 * t + 16.0 / 116.0
            }
        };
        let x = relative([0.4124, 0.3576, 0.1805], 0.9505);
        let y = relative([0.2126, 0.7152, 0.0722], 1.0);
        let z = relative([0.0193, 0.1192, 0.9505], 1.089);
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn red_and_green_of_one_lightness_are_alike_without_green_cones_and_far_apart_with_them() {
        let (red, green) = ((190, 110, 60), (130, 140, 50));
        assert!(Vision::Full.distance(red, green) > 40.0);
        assert!(Vision::Deuteranopia.distance(red, green) < 12.0);
        assert!(Vision::Tritanopia.distance(red, green) > 30.0);
        assert!((Vision::Full.distance((0, 0, 0), (255, 255, 255)) - 100.0).abs() < 0.1);
    }
}
