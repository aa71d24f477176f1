//! The hash chain. It is computed over the bytes of a line, so that checking it needs no canonical form of JSON.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

const DOMAIN: &[u8] = b"quarterdeck-journal-v1\n";

/// Length of `,"hash":"…"}` at the end of a line.
const TAIL: usize = 9 + 64 + 2;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

/// What the first record of a file stands on: the file's name, so that files cannot be exchanged.
pub(super) fn genesis(file_name: &str) -> String {
    let mut h = Sha256::new();
    h.update(DOMAIN);
    h.update(file_name.as_bytes());
    hex(&h.finalize())
}

/// `unsealed`: the record as a JSON object without its hash. Gives the line with it, without a line break.
pub(super) fn seal(prev: &str, unsealed: &str) -> Option<String> {
    let open = unsealed.strip_suffix('}')?;
    Some(format!("{open},\"hash\":\"{}\"}}", digest(prev, unsealed.as_bytes())))
}

/// SHA-256 in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn digest(prev: &str, unsealed: &[u8]) -> String {
    let mut h = Sha256::new();
    h.update(DOMAIN);
    h.update(prev.as_bytes());
    h.update(unsealed);
    hex(&h.finalize())
}

/// The hash that a line carries, if the line agrees with it and with `prev`.
pub(super) fn check(prev: &str, line: &[u8]) -> Option<String> {
    let cut = line.len().checked_sub(TAIL)?;
    let (head, tail) = line.split_at_checked(cut)?;
    let carried = std::str::from_utf8(tail)
        .ok()?
        .strip_prefix(",\"hash\":\"")?
        .strip_suffix("\"}")?;
    let mut unsealed = head.to_vec();
    unsealed.push(b'}');
    (digest(prev, &unsealed) == carried).then(|| carried.to_owned())
}
