//! What a byte stream would make a terminal do.

/// The first thing in the bytes that the console has no business sending, in words.
///
/// Allowed are: printable text without controls or marks that turn the reading order, CR, LF, BEL, and those CSI
/// sequences that place the cursor, clear, colour, set the lines that move and switch modes, and the one that moves them
/// down. Strings (OSC, DCS, …) are not, but for the question
/// what colour the background has.
pub fn harm(bytes: &[u8]) -> Option<String> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => return Some(format!("not UTF-8 at byte {}", e.valid_up_to())),
    };
    let text = text.replace("\u{1b}]11;?\u{1b}\\", "");
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let near = || {
            let bytes = text.as_bytes();
            let part = bytes.get(at.saturating_sub(40)..(at + 40).min(bytes.len()));
            format!("{:?}", String::from_utf8_lossy(part.unwrap_or_default()))
        };
        match c {
            '\u{1b}' => {
                // Lines that move down by one.
                if chars.next_if(|(_, c)| *c == 'M').is_some() {
                    continue;
                }
                if chars.next_if(|(_, c)| *c == '[').is_none() {
                    return Some(format!("an escape that is no CSI: {}", near()));
                }
                while chars.next_if(|(_, c)| ('\u{20}'..='\u{3f}').contains(c)).is_some() {}
                match chars.next() {
                    Some((_, 'H' | 'C' | 'D' | 'G' | 'B' | 'A' | 'J' | 'K' | 'm' | 'h' | 'l' | 'r' | 't')) => {}
                    other => return Some(format!("a CSI that ends with {other:?}: {}", near())),
                }
            }
            '\r' | '\n' | '\u{7}' => {}
            c if c.is_control() => return Some(format!("the control {c:?}: {}", near())),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' => {
                return Some(format!("the mark {c:?}: {}", near()));
            }
            _ => {}
        }
    }
    None
}
