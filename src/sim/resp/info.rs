//! What the server says about itself: INFO, section by section, and its slow log.

use jiff::Timestamp;

use super::codec::Reply;
use super::commands::Session;
use super::cortex::{Cortex, MAX_MEMORY};

/// Entries of the slow log: minutes ago, microseconds, words.
pub const SLOW: [(i64, i64, &[&str]); 4] = [
    (4, 41_230, &["HGETALL", "session:index"]),
    (19, 18_904, &["ZRANGE", "bull:default:completed", "0", "-1"]),
    (26, 22_117, &["SMEMBERS", "cache:tags"]),
    (58, 12_660, &["SORT", "leaderboard", "BY", "weight_*"]),
];

pub fn slow_log(now: Timestamp) -> Vec<Reply> {
    let entry = |(n, (minutes, us, words)): (usize, &(i64, i64, &[&str]))| {
        Reply::Array(vec![
            Reply::Int(113 - n as i64),
            Reply::Int(now.as_second() - minutes * 60),
            Reply::Int(*us),
            Reply::strings(words.iter().map(|w| (*w).to_owned())),
            Reply::bulk("10.244.1.7:41012"),
            Reply::bulk(""),
        ])
    };
    SLOW.iter().enumerate().map(entry).collect()
}

fn human(n: u64) -> String {
    format!("{:.2}M", n as f64 / f64::from(1 << 20))
}

pub fn info(world: &Cortex, others: &[Session], sections: &[&str], now: Timestamp) -> String {
    let want = |section: &str, by_default: bool| {
        let named = |s: &str| {
            s.eq_ignore_ascii_case(section) || ["all", "everything"].iter().any(|a| s.eq_ignore_ascii_case(a))
        };
        if sections.is_empty() || sections.iter().any(|s| s.eq_ignore_ascii_case("default")) {
            by_default
        } else {
            sections.iter().any(|s| named(s))
        }
    };
    let used = world.used();
    let workers: u32 = world.lines.iter().map(|l| l.workers).sum();
    let uptime = now.duration_since(world.since).as_secs();
    let mut out = String::new();
    let mut section = |name: &str, by_default: bool, text: String| {
        if want(name, by_default) {
            out.extend(["# ", name, "\r\n", &text, "\r\n"]);
        }
    };
    section(
        "Server",
        true,
        format!("redis_version:7.2.5\r\nredis_mode:standalone\r\nrun_id:5f3c9b1d7e\r\nuptime_in_seconds:{uptime}\r\n"),
    );
    section(
        "Clients",
        true,
        format!(
            "connected_clients:{}\r\nblocked_clients:{workers}\r\nmaxclients:10000\r\n",
            others.len() + 24 + workers as usize
        ),
    );
    section(
        "Memory",
        true,
        format!(
            "used_memory:{used}\r\nused_memory_human:{}\r\nused_memory_rss:{}\r\nused_memory_peak:{}\r\nmaxmemory:{MAX_MEMORY}\r\n\
             maxmemory_human:{}\r\nmaxmemory_policy:noeviction\r\nmem_fragmentation_ratio:1.12\r\nallocator_frag_ratio:1.05\r\n\
             mem_clients_normal:1880000\r\nmem_clients_slaves:0\r\n",
            human(used),
            used * 112 / 100,
            used.max(MAX_MEMORY * 86 / 100),
            human(MAX_MEMORY)
        ),
    );
    section(
        "Persistence",
        true,
        format!(
            "loading:0\r\nrdb_changes_since_last_save:{}\r\nrdb_bgsave_in_progress:0\r\nrdb_last_save_time:{}\r\n\
             rdb_last_bgsave_status:ok\r\naof_enabled:1\r\naof_last_write_status:ok\r\naof_last_bgrewrite_status:ok\r\ncurrent_cow_size:0\r\n",
            world.commands % 10_000,
            now.as_second() - now.as_second() % 900
        ),
    );
    let hits = world.commands * 6 / 10;
    section(
        "Stats",
        true,
        format!(
            "total_commands_processed:{}\r\ninstantaneous_ops_per_sec:312\r\ninstantaneous_input_kbps:48.10\r\n\
             instantaneous_output_kbps:131.70\r\nkeyspace_hits:{hits}\r\nkeyspace_misses:{}\r\nevicted_keys:0\r\nexpired_keys:{}\r\n\
             evicted_clients:0\r\nrejected_connections:0\r\nsync_full:0\r\nlatest_fork_usec:2140\r\n",
            world.commands,
            hits / 11,
            hits / 40
        ),
    );
    section(
        "Replication",
        true,
        "role:master\r\nconnected_slaves:0\r\nmaster_repl_offset:0\r\n".into(),
    );
    let cpu = world.commands as f64 * 0.00021;
    section(
        "CPU",
        true,
        format!(
            "used_cpu_sys_main_thread:{:.3}\r\nused_cpu_user_main_thread:{:.3}\r\n",
            cpu * 0.4,
            cpu * 0.6
        ),
    );
    let command = |name: &str, share: u64, us: f64| {
        let calls = world.commands / share;
        format!(
            "cmdstat_{name}:calls={calls},usec={},usec_per_call={us:.2},rejected_calls=0,failed_calls=0\r\n",
            (calls as f64 * us) as u64
        )
    };
    let stats = [
        ("evalsha", 4, 61.2),
        ("get", 3, 1.9),
        ("hgetall", 30, 22.4),
        ("bzpopmin", 9, 9.1),
        ("set", 8, 3.3),
    ];
    section(
        "Commandstats",
        false,
        stats.iter().map(|(n, s, u)| command(n, *s, *u)).collect(),
    );
    let latency = stats.iter().map(|(n, _, u)| {
        format!(
            "latency_percentiles_usec_{n}:p50={u:.3},p99={:.3},p99.9={:.3}\r\n",
            u * 4.0,
            u * 11.0
        )
    });
    section("Latencystats", false, latency.collect());
    section("Errorstats", true, "errorstat_NOSCRIPT:count=3\r\n".into());
    section(
        "Keyspace",
        true,
        format!(
            "db0:keys={},expires={},avg_ttl=0\r\n",
            world.keys.len(),
            world.keys.weights.len()
        ),
    );
    out
}
