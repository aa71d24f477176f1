//! RESP2 and RESP3 as a server speaks them.

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Ok,
    Status(&'static str),
    Error(String),
    Int(i64),
    Bulk(String),
    Nil,
    Array(Vec<Reply>),
    /// A map of RESP3, a flat list of RESP2.
    Map(Vec<(String, Reply)>),
}

impl Reply {
    pub fn bulk(text: impl Into<String>) -> Self {
        Self::Bulk(text.into())
    }

    pub fn opt(text: Option<String>) -> Self {
        text.map_or(Self::Nil, Self::Bulk)
    }

    pub fn strings(list: impl IntoIterator<Item = String>) -> Self {
        Self::Array(list.into_iter().map(Self::Bulk).collect())
    }

    pub fn write(&self, out: &mut Vec<u8>, resp3: bool) {
        match self {
            Self::Ok => out.extend_from_slice(b"+OK\r\n"),
            Self::Status(text) => out.extend_from_slice(format!("+{text}\r\n").as_bytes()),
            Self::Error(text) => out.extend_from_slice(format!("-{}\r\n", text.replace(['\r', '\n'], " ")).as_bytes()),
            Self::Int(n) => out.extend_from_slice(format!(":{n}\r\n").as_bytes()),
            Self::Bulk(text) => out.extend_from_slice(format!("${}\r\n{text}\r\n", text.len()).as_bytes()),
            Self::Nil => out.extend_from_slice(if resp3 { b"_\r\n" } else { b"$-1\r\n" }),
            Self::Array(items) => {
                out.extend_from_slice(format!("*{}\r\n", items.len()).as_bytes());
                for item in items {
                    item.write(out, resp3);
                }
            }
            Self::Map(pairs) => {
                let head = if resp3 {
                    format!("%{}\r\n", pairs.len())
                } else {
                    format!("*{}\r\n", pairs.len() * 2)
                };
                out.extend_from_slice(head.as_bytes());
                for (key, value) in pairs {
                    Self::bulk(key.as_str()).write(out, resp3);
                    value.write(out, resp3);
                }
            }
        }
    }
}

/// No command is longer, and none has more words.
const LONGEST: usize = 1 << 20;
const WORDS: usize = 10_000;

/// Takes one command from the front: `Ok(None)` when it is not complete, `Err` when it never will be.
pub fn take(buffer: &mut Vec<u8>) -> Result<Option<Vec<String>>, &'static str> {
    let mut at = 0;
    let parsed = parse(buffer, &mut at);
    if let Ok(Some(_)) = &parsed {
        buffer.drain(..at.min(buffer.len()));
    } else if buffer.len() > LONGEST {
        return Err("too big a command");
    }
    parsed
}

fn line<'a>(buffer: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let rest = buffer.get(*at..)?;
    let end = memchr::memchr(b'\n', rest)?;
    *at += end + 1;
    let line = rest.get(..end)?;
    Some(line.strip_suffix(b"\r").unwrap_or(line))
}

fn number(line: &[u8]) -> Option<usize> {
    std::str::from_utf8(line).ok()?.trim().parse().ok()
}

fn parse(buffer: &[u8], at: &mut usize) -> Result<Option<Vec<String>>, &'static str> {
    let Some(head) = line(buffer, at) else {
        return Ok(None);
    };
    let Some(count) = head.strip_prefix(b"*") else {
        // An inline command, as one types it into telnet.
        let text = String::from_utf8_lossy(head);
        return Ok(Some(text.split_whitespace().map(str::to_owned).collect()));
    };
    let count = number(count)
        .filter(|n| *n <= WORDS)
        .ok_or("invalid multibulk length")?;
    let mut words = Vec::with_capacity(count);
    for _ in 0..count {
        let Some(head) = line(buffer, at) else {
            return Ok(None);
        };
        let length = head
            .strip_prefix(b"$")
            .and_then(number)
            .filter(|n| *n <= LONGEST)
            .ok_or("invalid bulk length")?;
        let Some(word) = buffer.get(*at..*at + length) else {
            return Ok(None);
        };
        if buffer.len() < *at + length + 2 {
            return Ok(None);
        }
        words.push(String::from_utf8_lossy(word).into_owned());
        *at += length + 2;
    }
    Ok(Some(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_come_whole_however_the_bytes_are_cut() {
        let text = b"*2\r\n$4\r\nLLEN\r\n$3\r\na b\r\nPING\r\n*0\r\n";
        let mut buffer = Vec::new();
        let mut seen = Vec::new();
        for byte in text {
            buffer.push(*byte);
            while let Some(words) = take(&mut buffer).unwrap() {
                seen.push(words);
            }
        }
        assert_eq!(
            seen,
            [vec!["LLEN".to_owned(), "a b".into()], vec!["PING".into()], vec![]]
        );
        assert!(take(&mut b"*x\r\n".to_vec()).is_err());
        assert!(take(&mut b"*1\r\n:3\r\n".to_vec()).is_err());
    }
}
