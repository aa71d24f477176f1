//! The way to a deployment: one server, the master that Sentinels name, or the nodes of a Cluster.
//!
//! A [`Way`] knows how to reach and be let in; a [`Client`] keeps one connection a node and finds the node of a key.
//! Sentinel and Cluster are resolved by ourselves, with plain readings: so each node is asked by name, and a failover
//! is noticed by what a node says of itself (ROLE), not by a library's guess.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, join_all};

use super::command::{Read, Write};
use super::connection::{Answer, CONNECT, Connection, Fault, Login, Stream, Written, dial, encrypt, value};
use super::parse;
use crate::config::{RedisSource, RedisTarget, SecretRef};
use crate::feed::forward::Forward;
use crate::feed::http::tls_config;
use crate::feed::{Secrets, SourceContext};
use crate::model::{Problem, RedisRole, SentinelSeen, Topology};

/// Who is master, and who has which slots, is asked again this often.
const RESOLVE: Duration = Duration::from_secs(30);

/// Makes a stream to the one server; given from outside (a port-forward).
pub type Dial = Arc<dyn Fn() -> BoxFuture<'static, Result<Box<dyn Stream>, Fault>> + Send + Sync>;

/// How to reach a deployment. Cheap to clone.
#[derive(Clone)]
pub struct Way {
    source: Arc<RedisSource>,
    target: Result<RedisTarget, String>,
    secrets: Secrets,
    dial: Option<Result<Dial, Problem>>,
    /// The name to find in the certificate behind a given stream.
    given_name: Option<String>,
}

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Way({})", self.source.name)
    }
}

impl Way {
    pub fn new(source: RedisSource, context: &SourceContext) -> Self {
        let mut way = Self {
            target: source.target(),
            secrets: context.secrets(),
            dial: None,
            given_name: None,
            source: Arc::new(source),
        };
        if let Some(via) = &way.source.via {
            way.dial = Some(Forward::new(context, via).map(|forward| {
                way.given_name = Some(forward.host());
                let dial: Dial = Arc::new(move || {
                    let forward = forward.clone();
                    Box::pin(async move {
                        let stream = forward.open().await.map_err(|f| Fault::Lost(f.say))?;
                        Ok(Box::new(stream) as Box<dyn Stream>)
                    })
                });
                dial
            }));
        }
        way
    }

    /// The same deployment through streams that somebody else makes. For one server only.
    #[must_use]
    pub fn through(mut self, dial: Dial) -> Self {
        self.dial = Some(Ok(dial));
        self
    }

    pub fn source(&self) -> &RedisSource {
        &self.source
    }

    pub fn user(&self) -> Option<&str> {
        self.source.user()
    }

    pub fn topology(&self) -> Topology {
        match &self.target {
            Ok(RedisTarget::Sentinel { .. }) => Topology::Sentinel,
            Ok(RedisTarget::Cluster { .. }) => Topology::Cluster,
            _ => Topology::Single,
        }
    }

    async fn secret(&self, from: Option<&SecretRef>) -> Result<Option<secrecy::SecretString>, Fault> {
        match from {
            None => Ok(None),
            Some(from) => self.secrets.read(from).await.map(Some).map_err(Fault::Ours),
        }
    }

    /// A connection to one data node.
    ///
    /// # Errors
    /// Not reached, not let in, or a secret is missing.
    pub async fn connect(&self, host: &str, port: u16) -> Result<Connection, Fault> {
        let target = self.target.as_ref().map_err(|e| Fault::Ours(e.clone()))?;
        let (tls, db) = match target {
            RedisTarget::Single { tls, .. } | RedisTarget::Sentinel { tls, .. } => (*tls, self.source.database()),
            RedisTarget::Cluster { tls, .. } => (*tls, 0),
        };
        let login = Login {
            user: self.user().map(str::to_owned),
            password: self.secret(self.source.password.as_ref()).await?,
            db,
        };
        self.open(host, port, tls, &login).await
    }

    async fn open(&self, host: &str, port: u16, tls: bool, login: &Login) -> Result<Connection, Fault> {
        let mut stream: Box<dyn Stream> = match &self.dial {
            None => Box::new(dial(host, port).await?),
            Some(_) if self.topology() != Topology::Single => {
                return Err(Fault::Ours(
                    "`via` reaches a single server only: its Sentinels or Cluster nodes name addresses that are not reached so"
                        .into(),
                ));
            }
            Some(Err(Problem::Denied { what, .. } | Problem::Absent { what, .. })) => {
                return Err(Fault::Ours(what.to_string()));
            }
            Some(Err(problem)) => return Err(Fault::Ours(format!("{problem:?}"))),
            Some(Ok(dial)) => tokio::time::timeout(CONNECT * 4, dial())
                .await
                .map_err(|_| Fault::TimedOut("the way through the API server".into()))??,
        };
        if tls {
            let config = tls_config(&self.source.trust).map_err(Fault::Ours)?;
            let name = self.given_name.as_deref().unwrap_or(host);
            stream = encrypt(stream, name, Arc::new(config)).await?;
        }
        Connection::open(stream, &address(host, port), login).await
    }

    async fn sentinel(&self, host: &str, port: u16, tls: bool) -> Result<Connection, Fault> {
        let login = Login {
            user: self.source.sentinel_username.clone(),
            password: self.secret(self.source.sentinel_password.as_ref()).await?,
            db: 0,
        };
        self.open(host, port, tls, &login).await
    }

    /// Asks every Sentinel at once who is master.
    pub(super) async fn ask_sentinels(&self) -> Vec<SentinelSeen> {
        let Ok(RedisTarget::Sentinel { master, sentinels, tls }) = &self.target else {
            return Vec::new();
        };
        let ask = sentinels.iter().map(|(host, port)| async move {
            let asked = async {
                let mut connection = self.sentinel(host, *port, *tls).await?;
                let answer = connection.read(&[Read::SentinelAddress(master.clone())]).await?;
                Ok::<_, Fault>(answer.into_iter().next())
            };
            let (names, trouble) = match asked.await {
                Ok(Some(Ok(answer))) => {
                    if let [host, port] = value::items(&answer) {
                        let named = value::text(host).zip(value::int(port).and_then(|p| u16::try_from(p).ok()));
                        (named.map(|(h, p)| address(&h, p).as_str().into()), None)
                    } else {
                        let why = format!("does not know a master `{master}`");
                        (None, Some(Problem::Failed(why.into())))
                    }
                }
                Ok(Some(Err(refused))) => {
                    let user = self.source.sentinel_username.as_deref();
                    let acl = "+sentinel|get-master-addr-by-name";
                    (None, Some(refused.problem("SENTINEL", acl, None, user)))
                }
                Ok(None) => (None, Some(Problem::Failed("gave no answer".into()))),
                Err(fault) => (None, Some(fault.problem(self.source.sentinel_username.as_deref()))),
            };
            SentinelSeen {
                address: address(host, *port).as_str().into(),
                names,
                trouble,
            }
        });
        join_all(ask).await
    }

    /// What the first Sentinel that answers says of the master and of the quorum.
    pub(super) async fn ask_quorum(&self) -> Result<Vec<Answer>, Fault> {
        let Ok(RedisTarget::Sentinel { master, sentinels, tls }) = &self.target else {
            return Err(Fault::Ours("not behind Sentinels".into()));
        };
        let mut last = Fault::Ours("no Sentinel is configured".into());
        for (host, port) in sentinels {
            let asked = async {
                let commands = [
                    Read::SentinelMaster(master.clone()),
                    Read::SentinelQuorum(master.clone()),
                ];
                self.sentinel(host, *port, *tls).await?.read(&commands).await
            };
            match asked.await {
                Ok(answers) => return Ok(answers),
                Err(fault) => last = fault,
            }
        }
        Err(last)
    }
}

/// The master that most Sentinels name.
pub(super) fn majority(seen: &[SentinelSeen]) -> Option<String> {
    let mut votes: HashMap<&str, usize> = HashMap::new();
    for named in seen.iter().filter_map(|s| s.names.as_deref()) {
        *votes.entry(named).or_default() += 1;
    }
    votes
        .into_iter()
        .max_by_key(|(name, votes)| (*votes, std::cmp::Reverse(*name)))
        .map(|(name, _)| name.to_owned())
}

pub(super) fn address(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

fn split(address: &str) -> Option<(String, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Some((host.to_owned(), port.parse().ok()?))
}

/// Connections to the nodes of a deployment.
pub struct Client {
    way: Way,
    connections: HashMap<String, Connection>,
    /// Masters with their slots; one with all of them outside a Cluster.
    masters: Vec<(String, Vec<(u16, u16)>)>,
    resolved: Option<Instant>,
    /// For changes only.
    writer: Option<Connection>,
}

impl Client {
    pub fn new(way: Way) -> Self {
        Self {
            way,
            connections: HashMap::new(),
            masters: Vec::new(),
            resolved: None,
            writer: None,
        }
    }

    pub fn way(&self) -> &Way {
        &self.way
    }

    /// Asks again who is who before the next reading.
    pub fn doubt(&mut self) {
        self.resolved = None;
    }

    /// The addresses of the masters.
    ///
    /// # Errors
    /// Nobody could be asked.
    pub async fn masters(&mut self) -> Result<Vec<String>, Fault> {
        if self.resolved.is_none_or(|at| at.elapsed() > RESOLVE) {
            let found = self.resolve().await?;
            self.connections
                .retain(|address, _| found.iter().any(|(a, _)| a == address));
            self.masters = found;
            self.resolved = Some(Instant::now());
        }
        Ok(self.masters.iter().map(|(a, _)| a.clone()).collect())
    }

    async fn resolve(&mut self) -> Result<Vec<(String, Vec<(u16, u16)>)>, Fault> {
        let all = vec![(0, SLOTS - 1)];
        match self.way.target.clone().map_err(Fault::Ours)? {
            RedisTarget::Single { host, port, .. } => Ok(vec![(address(&host, port), all)]),
            RedisTarget::Sentinel { .. } => {
                let seen = self.way.ask_sentinels().await;
                let Some(master) = majority(&seen) else {
                    let why = seen.into_iter().find_map(|s| Some((s.address, s.trouble?)));
                    return Err(match why {
                        Some((at, Problem::TimedOut(why))) => Fault::TimedOut(format!("Sentinel {at}: {why}")),
                        Some((at, Problem::Failed(why))) => Fault::Lost(format!("Sentinel {at}: {why}")),
                        Some((at, Problem::Denied { what, .. })) => Fault::Ours(format!("Sentinel {at}: {what}")),
                        _ => Fault::Lost("no Sentinel names a master".into()),
                    });
                };
                self.must_be_master(&master).await?;
                Ok(vec![(master, all)])
            }
            RedisTarget::Cluster { seeds, .. } => {
                let known: Vec<_> = self.masters.iter().filter_map(|(a, _)| split(a)).collect();
                let mut last = Fault::Lost("no node of the Cluster answers".into());
                for (host, port) in known.into_iter().chain(seeds) {
                    let at = address(&host, port);
                    match self.read(&at, &[Read::ClusterNodes]).await {
                        Ok(answers) => match answers.into_iter().next() {
                            Some(Ok(nodes)) => {
                                let text = value::text(&nodes).unwrap_or_default();
                                let nodes = parse::cluster_nodes(&text);
                                let masters: Vec<_> = nodes
                                    .into_iter()
                                    .filter(|n| n.role == RedisRole::Master && !n.slots.is_empty())
                                    .map(|n| (n.address.to_string(), n.slots))
                                    .collect();
                                if !masters.is_empty() {
                                    return Ok(masters);
                                }
                            }
                            Some(Err(refused)) => last = Fault::Refused(refused),
                            None => {}
                        },
                        Err(fault) => last = fault,
                    }
                }
                Err(last)
            }
        }
    }

    /// Sentinels may name a master that was one a moment ago: it is asked itself.
    async fn must_be_master(&mut self, at: &str) -> Result<(), Fault> {
        let answers = self.read(at, &[Read::Role]).await?;
        match answers.first() {
            Some(Ok(role)) => match value::items(role).first().and_then(value::text).as_deref() {
                Some("master") | None => Ok(()),
                Some(other) => {
                    self.connections.remove(at);
                    Err(Fault::Lost(format!(
                        "{at} is {other}, not master: a failover is under way"
                    )))
                }
            },
            // Without the right to ask ROLE the Sentinels are believed; INFO says the same.
            _ => Ok(()),
        }
    }

    /// The address of the node that has a key; of any where it is not known.
    ///
    /// # Errors
    /// As [`Client::masters`].
    pub async fn home(&mut self, key: &str) -> Result<String, Fault> {
        self.masters().await?;
        let slot = slot(key);
        let has = |ranges: &[(u16, u16)]| ranges.iter().any(|(a, b)| (*a..=*b).contains(&slot));
        self.masters
            .iter()
            .find(|(_, ranges)| has(ranges))
            .map(|(a, _)| a.clone())
            .ok_or_else(|| Fault::Lost(format!("no node of the Cluster has slot {slot}")))
    }

    /// Asks one node. A connection that broke while it lay idle is opened again, once.
    ///
    /// # Errors
    /// Not reached, no answer in time.
    pub async fn read(&mut self, at: &str, commands: &[Read]) -> Result<Vec<Answer>, Fault> {
        let reused = self.connections.contains_key(at);
        let first = self.ask(at, commands).await;
        let answers = match first {
            Err(Fault::Lost(_)) if reused => self.ask(at, commands).await,
            other => other,
        };
        let moved = |a: &Answer| matches!(a, Err(r) if matches!(r.code.as_str(), "MOVED" | "READONLY" | "CLUSTERDOWN"));
        match &answers {
            Ok(list) if !list.iter().any(moved) => {}
            _ => self.doubt(),
        }
        answers
    }

    async fn ask(&mut self, at: &str, commands: &[Read]) -> Result<Vec<Answer>, Fault> {
        let answers = self.connection(at).await?.read(commands).await;
        if answers.is_err() {
            self.connections.remove(at);
        }
        answers
    }

    /// PING on the open connection, in microseconds.
    ///
    /// # Errors
    /// As [`Client::read`].
    pub async fn ping(&mut self, at: &str) -> Result<Result<u64, super::connection::Refused>, Fault> {
        let answer = self.connection(at).await?.ping().await;
        if answer.is_err() {
            self.connections.remove(at);
        }
        answer
    }

    async fn connection(&mut self, at: &str) -> Result<&mut Connection, Fault> {
        use std::collections::hash_map::Entry;
        match self.connections.entry(at.to_owned()) {
            Entry::Occupied(open) => Ok(open.into_mut()),
            Entry::Vacant(free) => {
                let (host, port) = split(at).ok_or_else(|| Fault::Ours(format!("`{at}` is no address")))?;
                Ok(free.insert(self.way.connect(&host, port).await?))
            }
        }
    }

    /// Sends a change to the node that has its key: once, on a connection that nothing else uses.
    pub async fn write(&mut self, command: &Write) -> Written {
        let kept = self.writer.take();
        if kept.is_none() {
            // Who was master half a minute ago may not be now.
            self.doubt();
        }
        let at = match self.home(command.key()).await {
            Ok(at) => at,
            Err(fault) => return Written::NotSent(fault),
        };
        let connection = if let Some(connection) = kept.filter(|c| c.address() == at) {
            connection
        } else {
            let Some((host, port)) = split(&at) else {
                return Written::NotSent(Fault::Ours(format!("`{at}` is no address")));
            };
            match self.way.connect(&host, port).await {
                Ok(connection) => connection,
                Err(fault) => return Written::NotSent(fault),
            }
        };
        let (written, kept) = connection.write(command).await;
        self.writer = kept;
        written
    }
}

/// Hash slots of a Cluster.
const SLOTS: u16 = 16384;

/// The slot of a key: CRC-16 (XMODEM) of it, or of what stands in its first braces.
pub fn slot(key: &str) -> u16 {
    let tag = key
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'))
        .map(|(tag, _)| tag)
        .filter(|tag| !tag.is_empty())
        .unwrap_or(key);
    let mut crc: u16 = 0;
    for byte in tag.bytes() {
        crc ^= u16::from(byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 {
                crc << 1
            } else {
                (crc << 1) ^ 0x1021
            };
        }
    }
    crc % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_slot_that_redis_gives_it() {
        // CLUSTER KEYSLOT of a server.
        assert_eq!(slot("123456789"), 12739);
        assert_eq!(slot("foo"), 12182);
        assert_eq!(slot("bull:{q}:wait"), slot("{q}"));
        assert_eq!(slot("a{}b"), slot("a{}b"));
        assert_ne!(slot("a{}b"), slot(""));
    }
}
