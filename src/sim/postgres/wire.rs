//! The protocol: startup, simple and extended queries, cancel requests. No TLS: it is loopback.

use std::io;
use std::sync::PoisonError;
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Shared;
use super::answers::{self, Answer, Caller};
use crate::sim::faults::Fault;

/// No message of a client is longer.
const MOST: usize = 1 << 20;
const SSL: u32 = 80_877_103;
const GSS: u32 = 80_877_104;
const CANCEL: u32 = 80_877_102;

pub(super) async fn serve(mut stream: TcpStream, pid: i32, database: Shared) {
    // A client that went away is nobody's trouble.
    let _ = talk(&mut stream, pid, &database).await;
}

async fn talk(stream: &mut TcpStream, pid: i32, database: &Shared) -> io::Result<()> {
    let Some(caller) = startup(stream, pid).await? else {
        return Ok(());
    };
    let mut out = Vec::new();
    message(&mut out, b'R', &0_u32.to_be_bytes());
    for (name, value) in [
        ("server_version", "16.14"),
        ("server_encoding", "UTF8"),
        ("client_encoding", "UTF8"),
        ("DateStyle", "ISO, MDY"),
        ("TimeZone", "UTC"),
        ("integer_datetimes", "on"),
        ("standard_conforming_strings", "on"),
    ] {
        message(&mut out, b'S', &[text(name), text(value)].concat());
    }
    message(&mut out, b'K', &[pid.to_be_bytes(), [0; 4]].concat());
    ready(&mut out);
    stream.write_all(&out).await?;
    let mut statement = String::new();
    let mut prepared: Option<Answer> = None;
    let mut failed = false;
    loop {
        let kind = stream.read_u8().await?;
        let body = body(stream).await?;
        let mut out = Vec::new();
        match kind {
            b'X' => return Ok(()),
            b'Q' => {
                let sql = string(&body);
                for part in split(&sql) {
                    let answer = ask(stream, database, &caller, &part, &mut out).await?;
                    write_answer(&mut out, &answer, true);
                    if matches!(answer, Answer::Error { .. }) {
                        break;
                    }
                }
                if split(&sql).is_empty() {
                    message(&mut out, b'I', &[]);
                }
                ready(&mut out);
            }
            // Until the next Sync everything after an error is passed over.
            _ if failed && kind != b'S' => {}
            b'P' => {
                let mut parts = body.split(|b| *b == 0).skip(1);
                statement = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
                prepared = None;
                message(&mut out, b'1', &[]);
            }
            b'B' => message(&mut out, b'2', &[]),
            b'D' | b'E' => {
                if prepared.is_none() {
                    prepared = Some(ask(stream, database, &caller, &statement, &mut out).await?);
                }
                let answer = prepared.clone().unwrap_or(Answer::Done("SELECT 0"));
                match (&answer, kind) {
                    (Answer::Error { .. }, _) => {
                        write_answer(&mut out, &answer, false);
                        failed = true;
                    }
                    (Answer::Rows { .. }, b'D') => describe(&mut out, &answer),
                    (_, b'D') => message(&mut out, b'n', &[]),
                    _ => write_answer(&mut out, &answer, false),
                }
            }
            b'C' => message(&mut out, b'3', &[]),
            b'S' => {
                failed = false;
                ready(&mut out);
            }
            _ => {}
        }
        stream.write_all(&out).await?;
    }
}

/// Reads who it is; `None`: a cancel request, or nobody.
async fn startup(stream: &mut TcpStream, pid: i32) -> io::Result<Option<Caller>> {
    loop {
        let body = body(stream).await?;
        let code = body
            .get(..4)
            .and_then(|b| b.try_into().ok())
            .map_or(0, u32::from_be_bytes);
        match code {
            SSL | GSS => stream.write_all(b"N").await?,
            // What runs here runs for ever or not at all: nothing waits for a cancel request.
            CANCEL => return Ok(None),
            _ => {
                let words: Vec<String> = body
                    .get(4..)
                    .unwrap_or_default()
                    .split(|b| *b == 0)
                    .map(|w| String::from_utf8_lossy(w).into_owned())
                    .collect();
                let value = |key: &str| {
                    words
                        .chunks(2)
                        .find(|pair| pair.first().is_some_and(|k| k == key))
                        .and_then(|pair| pair.get(1).cloned())
                        .unwrap_or_default()
                };
                return Ok(Some(Caller {
                    pid,
                    user: value("user"),
                    application: value("application_name"),
                    options: value("options"),
                    database: value("database"),
                }));
            }
        }
    }
}

/// Answers one statement. One that takes long keeps the connection, not the world; what it says on the way is written.
async fn ask(
    stream: &mut TcpStream,
    database: &Shared,
    caller: &Caller,
    sql: &str,
    out: &mut Vec<u8>,
) -> io::Result<Answer> {
    loop {
        let answer = {
            let mut database = database.lock().unwrap_or_else(PoisonError::into_inner);
            let fault = database.faults.hit(sql);
            if fault == Some(Fault::Refuse) {
                return Ok(Answer::Error {
                    code: "42501",
                    message: "permission denied".to_owned(),
                });
            }
            let answer = answers::answer(&mut database, caller, sql, Timestamp::now());
            if fault == Some(Fault::LoseAfter) {
                return Err(io::Error::other("the connection is cut"));
            }
            answer
        };
        match answer {
            Answer::Wait => {
                // Whoever went away meanwhile is found out by the write.
                stream.write_all(out).await?;
                out.clear();
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            answer => return Ok(answer),
        }
    }
}

/// The statements of one simple query. None of those that are answered has a semicolon in a literal.
fn split(sql: &str) -> Vec<String> {
    sql.split(';')
        .map(str::trim)
        .filter(|s| !s.is_empty())
        .map(str::to_owned)
        .collect()
}

async fn body(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = usize::try_from(stream.read_u32().await?).unwrap_or(usize::MAX);
    if !(4..MOST).contains(&length) {
        return Err(io::Error::other("a message of an impossible length"));
    }
    let mut body = vec![0; length - 4];
    stream.read_exact(&mut body).await?;
    Ok(body)
}

fn string(body: &[u8]) -> String {
    let end = body.iter().position(|b| *b == 0).unwrap_or(body.len());
    String::from_utf8_lossy(body.get(..end).unwrap_or_default()).into_owned()
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = text.bytes().filter(|b| *b != 0).collect();
    bytes.push(0);
    bytes
}

fn message(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    out.push(kind);
    out.extend((body.len() as u32 + 4).to_be_bytes());
    out.extend(body);
}

fn ready(out: &mut Vec<u8>) {
    message(out, b'Z', b"I");
}

/// PostgreSQL's OID of `text`.
const TEXT: u32 = 25;

fn describe(out: &mut Vec<u8>, answer: &Answer) {
    let Answer::Rows { columns, .. } = answer else { return };
    let mut body = (columns.len() as u16).to_be_bytes().to_vec();
    for column in columns {
        body.extend(text(column));
        body.extend([0; 6]);
        body.extend(TEXT.to_be_bytes());
        body.extend((-1_i16).to_be_bytes());
        body.extend((-1_i32).to_be_bytes());
        body.extend([0; 2]);
    }
    message(out, b'T', &body);
}

fn write_answer(out: &mut Vec<u8>, answer: &Answer, with_columns: bool) {
    match answer {
        Answer::Wait => {}
        Answer::Rows { rows, .. } => {
            if with_columns {
                describe(out, answer);
            }
            for row in rows {
                let mut body = (row.len() as u16).to_be_bytes().to_vec();
                for field in row {
                    match field {
                        None => body.extend((-1_i32).to_be_bytes()),
                        Some(field) => {
                            body.extend((field.len() as u32).to_be_bytes());
                            body.extend(field.as_bytes());
                        }
                    }
                }
                message(out, b'D', &body);
            }
            message(out, b'C', &text(&format!("SELECT {}", rows.len())));
        }
        Answer::Done(tag) => message(out, b'C', &text(tag)),
        Answer::Error { code, message: why } => {
            let mut body = Vec::new();
            for (field, value) in [(b'S', "ERROR"), (b'V', "ERROR"), (b'C', code), (b'M', why.as_str())] {
                body.push(field);
                body.extend(text(value));
            }
            body.push(0);
            message(out, b'E', &body);
        }
    }
}
