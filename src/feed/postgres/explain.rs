//! The plan of a statement that is only known without its parameters.

use super::fault::Fault;
use super::server::Server;

/// The plan of a normalized statement, without running it. From 16 on.
///
/// # Errors
/// Why there is none.
pub async fn explain(server: &Server, statement: &str) -> Result<Vec<String>, Fault> {
    let session = server.connect().await?;
    if session.facts.major() < 16 {
        return Err(Fault::Unsupported(format!(
            "a plan without parameters needs PostgreSQL 16, this is {}",
            session.facts.version
        )));
    }
    if session.pooled {
        return Err(Fault::Unsupported(
            "a plan is not asked for through a pooler".to_owned(),
        ));
    }
    // The extended protocol takes one statement only, whatever the text holds: that is tried first. It wants a value for
    // every parameter, though, and plans for that one; the simple protocol then plans for any.
    let text = format!("/* qd:explain */ EXPLAIN (GENERIC_PLAN) {statement}");
    session.texts_with(&text, parameters(statement)).await?;
    session.simple_texts(&text).await
}

/// The highest `$n` of a normalized statement.
fn parameters(statement: &str) -> usize {
    let numbers = statement.split('$').skip(1).filter_map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<usize>().ok()
    });
    numbers.max().unwrap_or_default().min(1000)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_highest_parameter_counts() {
        for (sql, n) in [
            ("SELECT 1", 0),
            ("SELECT $1, $12 WHERE a = $2", 12),
            ("SELECT '$', $x$a$x$", 0),
        ] {
            assert_eq!(super::parameters(sql), n, "{sql}");
        }
    }
}
