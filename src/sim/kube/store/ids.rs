//! Names and uids that the server makes up.

/// A random version 4 uid.
pub fn new_uid() -> String {
    // Version 4, variant 1, the rest random.
    let bits = fastrand::u128(..) & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

/// Five letters as `generateName` gets them: no vowels, no digits that look like letters.
pub fn random_suffix() -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    (0..5)
        .map(|_| fastrand::choice(LETTERS).map_or('x', |b| char::from(*b)))
        .collect()
}
