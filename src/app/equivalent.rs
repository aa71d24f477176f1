//! The line that shows the same thing elsewhere: kubectl, psql, redis-cli, amtool, openssl, curl. Quoted for a shell,
//! without any credential: who runs it connects as they always do.

use super::{App, ItemRef};
use crate::action::quoted as word;
use crate::model::{ObjectRef, QueueSystem};

/// A text for SQL.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn psql(source: &str, sql: &str) -> String {
    format!("psql -X -c {}  # on {source}", word(sql))
}

impl App {
    /// The kubectl line that describes an object here.
    pub(crate) fn kubectl(&self, verb: &str, object: &ObjectRef) -> String {
        let context = self.place().map(|p| format!(" --context {}", word(&p.context)));
        let namespace = match &*object.namespace {
            "" => String::new(),
            namespace => format!(" -n {}", word(namespace)),
        };
        let context = context.unwrap_or_default();
        format!("kubectl{context}{namespace} {verb} {}", word(&object.slash()))
    }

    /// The line that shows an item of a source.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn command_for(&self, item: &ItemRef) -> Result<String, String> {
        let sources = &self.world.sources;
        Ok(match item {
            ItemRef::Session { source, pid, .. } => {
                psql(source, &format!("SELECT * FROM pg_stat_activity WHERE pid = {pid}"))
            }
            ItemRef::Statement { source, id } => {
                let sql = format!("SELECT * FROM pg_stat_statements WHERE queryid = {}", id.query_id);
                psql(source, &sql)
            }
            ItemRef::Table { source, schema, name } => {
                let (schema, name) = (literal(schema), literal(name));
                let sql = format!("SELECT * FROM pg_stat_user_tables WHERE schemaname = {schema} AND relname = {name}");
                psql(source, &sql)
            }
            ItemRef::Index { source, schema, name } => {
                let (schema, name) = (literal(schema), literal(name));
                let sql =
                    format!("SELECT * FROM pg_stat_user_indexes WHERE schemaname = {schema} AND indexrelname = {name}");
                psql(source, &sql)
            }
            ItemRef::Redis { node, .. } => match node.rsplit_once(':') {
                Some((host, port)) => format!("redis-cli -h {} -p {} INFO", word(host), word(port)),
                None => format!("redis-cli -h {} INFO", word(node)),
            },
            ItemRef::Queue { source, queue } => {
                let seen = sources.queues.get(source);
                let found = seen.and_then(|q| q.queues.iter().find(|q| q.name == *queue));
                let found = found.ok_or("it is no longer there")?;
                let key = found.keys.first().map_or("", |k| &**k);
                let verb = match found.system {
                    QueueSystem::Prometheus => return Err("it is counted by Prometheus alone".to_owned()),
                    QueueSystem::Zset => "ZCARD",
                    QueueSystem::Stream => "XLEN",
                    _ => "LLEN",
                };
                if key.is_empty() {
                    return Err("its key is not known".to_owned());
                }
                format!("redis-cli {verb} {}", word(key))
            }
            ItemRef::Certificate { id, .. } => {
                let context = self.place().map(|p| format!(" --context {}", word(&p.context)));
                let (namespace, name) = (word(&id.namespace), word(&id.name));
                let context = context.unwrap_or_default();
                format!("kubectl{context} -n {namespace} describe certificate {name}")
            }
            ItemRef::Endpoint { address, .. } => format!("openssl s_client -connect {} </dev/null", word(address)),
            ItemRef::Alert { labels, .. } => {
                let matchers = labels.iter().map(|(name, value)| word(&format!("{name}={value}")));
                format!("amtool alert query {}", matchers.collect::<Vec<_>>().join(" "))
            }
            ItemRef::HttpCheck { name } => {
                let check = sources.http.get(name).ok_or("it is no longer there")?;
                let url = word(&check.url);
                format!("curl -sS -o /dev/null -w '%{{http_code}} %{{time_total}}\\n' {url}")
            }
            ItemRef::Object(object) => self.kubectl("describe", object),
            ItemRef::Slo { .. } | ItemRef::Service { .. } | ItemRef::Host { .. } => {
                return Err(format!(
                    "no one command shows it: {} draws it over time",
                    self.keys_for("chart.open")
                ));
            }
            ItemRef::Line => return Err("there is no more to this line".to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_reaches_the_shell_or_the_statement() {
        assert_eq!(word("cortex-api"), "cortex-api");
        assert_eq!(word("a; rm -rf /"), "'a; rm -rf /'");
        assert_eq!(word("it's"), r"'it'\''s'");
        assert_eq!(word(""), "''");
        let sql = format!("SELECT {}", literal("x'; DROP TABLE y; --"));
        assert_eq!(
            psql("core", &sql),
            r"psql -X -c 'SELECT '\''x'\'''\''; DROP TABLE y; --'\'''  # on core"
        );
    }
}
