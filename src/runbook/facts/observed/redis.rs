//! Facts of a Redis server: that of the run, else of the only deployment that there is; of several nodes the worst.

use super::{About, Fact, Maker, Row, Subject, count, known, maybe, seconds};
use crate::model::{Redis, RedisNode, RedisRole, SourceKind, Str};

const NO_RATE: &str = "two readings are needed";

impl Maker<'_> {
    pub(super) fn redis(&mut self, subject: &Subject) {
        let all = &self.world.sources.redis;
        let named = match &subject.about {
            Some(About::Redis { source, node }) => Some((source, node.as_ref())),
            _ => None,
        };
        let found = match named {
            Some((source, _)) => all.get_key_value(source),
            None => all.iter().next().filter(|_| all.len() == 1),
        };
        let Some((source, redis)) = found else {
            let why = if all.is_empty() {
                "no Redis is configured"
            } else {
                "there are several: start from the one that it is about"
            };
            self.all("redis.", &Fact::Absent(why.to_owned()));
            return;
        };
        let node = named.and_then(|(_, node)| node);
        let node = redis.nodes.iter().find(|n| Some(&n.address) == node).or_else(|| {
            let fullness = |n: &RedisNode| n.info.last().and_then(|i| i.memory.share()).unwrap_or(-1.0);
            redis.nodes.iter().max_by(|a, b| fullness(a).total_cmp(&fullness(b)))
        });
        let Some(node) = node else {
            self.all("redis.", &Fact::Denied("no server of it was reached yet".to_owned()));
            return;
        };
        let rows: Vec<Row> = vec![
            ("redis.target", known(format!("redis/{source}")), ""),
            ("redis.source", known(&**source), ""),
            ("redis.node", known(&*node.address), ""),
            ("redis.topology", known(redis.topology.word()), ""),
            ("redis.holds_queues", known(redis.holds_queues), ""),
        ];
        self.many(None, rows);
        self.redis_info(source, redis, node);
        self.redis_pace(source, node);
    }

    fn redis_info(&mut self, source: &Str, redis: &Redis, node: &RedisNode) {
        let blocked = self.unread(SourceKind::Redis, source, &node.info);
        let info = node.info.last().cloned().unwrap_or_default();
        let (memory, stats, disk) = (&info.memory, &info.stats, &info.persistence);
        let saved = disk.rdb_last_save.map(|at| seconds(self.now, at));
        let good = disk.rdb_ok && (!disk.aof_on || (disk.aof_write_ok && disk.aof_rewrite_ok));
        let used = info.clients.max.filter(|max| *max > 0);
        let used = used.map(|max| info.clients.connected as f64 / max as f64);
        let keys = info.keyspace.iter().map(|db| db.keys).sum();
        let lasting = info.keyspace.iter().map(|db| db.keys.saturating_sub(db.expires)).sum();
        let link = info.replication.link.as_ref().map(|link| link.up);
        let bounded = "it has no limit";
        let rows: Vec<Row> = vec![
            ("redis.version", known(&*info.version), ""),
            ("redis.memory_used", known(count(memory.used)), ""),
            (
                "redis.memory_max",
                maybe(Some(memory.max).filter(|m| *m > 0).map(count)),
                bounded,
            ),
            ("redis.memory_share", maybe(memory.share()), bounded),
            ("redis.limited", known(memory.max > 0), ""),
            ("redis.policy", known(&*memory.policy), ""),
            ("redis.evicts", known(&*memory.policy != "noeviction"), ""),
            (
                "redis.fragmentation",
                maybe(memory.fragmentation()),
                "the server is too small for it to mean something",
            ),
            ("redis.evicted_keys", known(count(stats.evicted_keys)), ""),
            ("redis.clients", known(count(info.clients.connected)), ""),
            ("redis.clients_blocked", known(count(info.clients.blocked)), ""),
            (
                "redis.clients_share",
                maybe(used),
                "this version does not tell its limit",
            ),
            ("redis.rejected", known(count(stats.rejected_connections)), ""),
            ("redis.persistence_ok", known(good), ""),
            ("redis.saving", known(disk.rdb_in_progress), ""),
            ("redis.aof", known(disk.aof_on), ""),
            ("redis.last_save", maybe(saved), "it never saved"),
            ("redis.keys", known(count(keys)), ""),
            ("redis.keys_without_expiry", known(count(lasting)), ""),
            (
                "redis.is_replica",
                known(info.replication.role == RedisRole::Replica),
                "",
            ),
            (
                "redis.replicas",
                known(count(info.replication.replicas.len() as u64)),
                "",
            ),
            ("redis.link_up", maybe(link), "it follows no master"),
        ];
        self.many(blocked.as_ref(), rows);
        let blocked = self.unread(SourceKind::Redis, source, &redis.cluster);
        let whole = maybe(redis.cluster.last().map(|c| c.ok));
        self.many(blocked.as_ref(), vec![("redis.cluster_ok", whole, "it is no cluster")]);
    }

    fn redis_pace(&mut self, source: &Str, node: &RedisNode) {
        let blocked = self.unread(SourceKind::Redis, source, &node.info);
        let rates = node.rates;
        let rows: Vec<Row> = vec![
            ("redis.commands_rate", maybe(rates.map(|r| r.commands)), NO_RATE),
            ("redis.evictions_rate", maybe(rates.map(|r| r.evicted)), NO_RATE),
            (
                "redis.hit_rate",
                maybe(rates.and_then(|r| r.hit_rate)),
                "nothing was looked up, or two readings are needed",
            ),
            (
                "redis.cpu",
                maybe(rates.and_then(|r| r.cpu_main)),
                "this version does not tell, or two readings are needed",
            ),
            ("redis.slow_rate", maybe(rates.and_then(|r| r.slow_per_minute)), NO_RATE),
        ];
        self.many(blocked.as_ref(), rows);
        let blocked = self.unread(SourceKind::Redis, source, &node.ping_us);
        let ping = node.ping_us.last().map(|us| *us as f64 / 1000.0);
        self.many(blocked.as_ref(), vec![("redis.ping", maybe(ping), "")]);
        let blocked = self.unread(SourceKind::Redis, source, &node.slow_log);
        let slowest = node
            .slow_log
            .last()
            .and_then(|log| log.entries.iter().max_by_key(|e| e.took_us));
        let none = "the slow log is empty";
        let rows: Vec<Row> = vec![
            ("redis.slowest", maybe(slowest.map(|e| &*e.command)), none),
            (
                "redis.slowest_took",
                maybe(slowest.map(|e| e.took_us as f64 / 1000.0)),
                none,
            ),
        ];
        self.many(blocked.as_ref(), rows);
        let blocked = self.unread(SourceKind::Redis, source, &node.commands);
        let costly = node.commands.last().and_then(|all| all.iter().max_by_key(|c| c.usec));
        self.many(
            blocked.as_ref(),
            vec![("redis.costliest", maybe(costly.map(|c| &*c.name)), "no command ran")],
        );
    }
}
