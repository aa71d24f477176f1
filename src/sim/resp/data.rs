//! The keys of a server that lives in memory.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    Text(String),
    /// Head first.
    List(VecDeque<String>),
    Hash(BTreeMap<String, String>),
    Zset(BTreeMap<String, f64>),
    /// How many entries were ever added: nobody reads them here.
    Stream(u64),
}

impl Data {
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "string",
            Self::List(_) => "list",
            Self::Hash(_) => "hash",
            Self::Zset(_) => "zset",
            Self::Stream(_) => "stream",
        }
    }

    /// About as many bytes as a real server would need.
    fn size(&self) -> u64 {
        let n = match self {
            Self::Text(text) => text.len(),
            Self::List(items) => items.len() * 20,
            Self::Hash(fields) => fields.iter().map(|(k, v)| k.len() + v.len() + 40).sum(),
            Self::Zset(members) => members.len() * 90,
            Self::Stream(_) => 400_000,
        };
        n as u64 + 90
    }
}

/// All keys of one database.
#[derive(Debug, Default)]
pub struct Keys {
    data: BTreeMap<String, Data>,
    /// Scanned in the order of hashes, so that what is deleted meanwhile makes nobody miss a key.
    by_hash: BTreeSet<(u64, String)>,
    /// Keys that only weigh: their values are not kept.
    pub weights: BTreeMap<String, u64>,
}

fn hash(key: &str) -> u64 {
    // FNV-1a; 0 is the cursor's end, and half the range is enough.
    let h = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    });
    (h >> 1).max(1)
}

impl Keys {
    pub fn len(&self) -> usize {
        self.data.len()
    }

    pub fn get(&self, key: &str) -> Option<&Data> {
        self.data.get(key)
    }

    pub fn put(&mut self, key: &str, data: Data) {
        self.by_hash.insert((hash(key), key.to_owned()));
        self.data.insert(key.to_owned(), data);
    }

    pub fn remove(&mut self, key: &str) -> Option<Data> {
        self.by_hash.remove(&(hash(key), key.to_owned()));
        self.weights.remove(key);
        self.data.remove(key)
    }

    /// Bytes of all values.
    pub fn size(&self) -> u64 {
        self.data.values().map(Data::size).sum::<u64>() + self.weights.values().sum::<u64>()
    }

    /// A step of SCAN: the next cursor, and the keys of this step.
    pub fn scan(&self, cursor: u64, count: usize) -> (u64, Vec<&str>) {
        let mut found = Vec::new();
        for (h, key) in self.by_hash.range((cursor, String::new())..) {
            if found.len() >= count {
                return (*h, found);
            }
            found.push(key.as_str());
        }
        (0, found)
    }

    fn entry(&mut self, key: &str, new: impl FnOnce() -> Data) -> &mut Data {
        self.by_hash.insert((hash(key), key.to_owned()));
        self.data.entry(key.to_owned()).or_insert_with(new)
    }

    fn drop_empty(&mut self, key: &str) {
        let empty = match self.data.get(key) {
            Some(Data::List(l)) => l.is_empty(),
            Some(Data::Hash(h)) => h.is_empty(),
            Some(Data::Zset(z)) => z.is_empty(),
            _ => false,
        };
        if empty {
            self.remove(key);
        }
    }

    pub fn list(&self, key: &str) -> Option<&VecDeque<String>> {
        match self.data.get(key) {
            Some(Data::List(list)) => Some(list),
            _ => None,
        }
    }

    pub fn zset(&self, key: &str) -> Option<&BTreeMap<String, f64>> {
        match self.data.get(key) {
            Some(Data::Zset(zset)) => Some(zset),
            _ => None,
        }
    }

    pub fn field(&self, key: &str, field: &str) -> Option<String> {
        match self.data.get(key) {
            Some(Data::Hash(hash)) => hash.get(field).cloned(),
            _ => None,
        }
    }

    pub fn lpush(&mut self, key: &str, item: &str) {
        if let Data::List(list) = self.entry(key, || Data::List(VecDeque::new())) {
            list.push_front(item.to_owned());
        }
    }

    pub fn rpop(&mut self, key: &str) -> Option<String> {
        let Some(Data::List(list)) = self.data.get_mut(key) else {
            return None;
        };
        let item = list.pop_back();
        self.drop_empty(key);
        item
    }

    pub fn hset(&mut self, key: &str, field: &str, value: impl ToString) {
        if let Data::Hash(hash) = self.entry(key, || Data::Hash(BTreeMap::new())) {
            hash.insert(field.to_owned(), value.to_string());
        }
    }

    pub fn hdel(&mut self, key: &str, field: &str) {
        if let Some(Data::Hash(hash)) = self.data.get_mut(key) {
            hash.remove(field);
        }
        self.drop_empty(key);
    }

    pub fn zadd(&mut self, key: &str, member: &str, score: f64) {
        if let Data::Zset(zset) = self.entry(key, || Data::Zset(BTreeMap::new())) {
            zset.insert(member.to_owned(), score);
        }
    }

    pub fn zrem(&mut self, key: &str, member: &str) -> bool {
        let Some(Data::Zset(zset)) = self.data.get_mut(key) else {
            return false;
        };
        let was = zset.remove(member).is_some();
        self.drop_empty(key);
        was
    }

    pub fn rename(&mut self, from: &str, to: &str) {
        if let Some(data) = self.remove(from) {
            self.put(to, data);
        }
    }

    /// Members by score, then by name.
    pub fn ranked(&self, key: &str) -> Vec<(&str, f64)> {
        let mut all: Vec<(&str, f64)> = self
            .zset(key)
            .into_iter()
            .flat_map(|z| z.iter().map(|(m, s)| (m.as_str(), *s)))
            .collect();
        all.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(b.0)));
        all
    }
}

/// Redis's patterns, as far as anybody needs them: `*`, `?`, and a backslash before what is meant literally.
pub fn matches(pattern: &str, text: &str) -> bool {
    fn step(p: &[char], t: &[char]) -> bool {
        match (p, t) {
            ([], []) => true,
            (['*', rest @ ..], _) => (0..=t.len()).any(|n| t.get(n..).is_some_and(|t| step(rest, t))),
            (['\\', c, rest @ ..], [first, more @ ..]) if c == first => step(rest, more),
            (['\\', ..], _) => false,
            (['?', rest @ ..], [_, more @ ..]) => step(rest, more),
            ([c, rest @ ..], [first, more @ ..]) if c == first => step(rest, more),
            _ => false,
        }
    }
    // A chain of stars would take for ever.
    if pattern.matches('*').count() > 4 {
        return false;
    }
    let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    step(&p, &t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_sees_every_key_that_stays_whatever_is_deleted_meanwhile() {
        let mut keys = Keys::default();
        for n in 0..500 {
            keys.put(&format!("k{n}"), Data::Text(String::new()));
        }
        let (mut cursor, mut seen) = (0, Vec::new());
        loop {
            let (next, found) = keys.scan(cursor, 10);
            let found: Vec<String> = found.into_iter().map(str::to_owned).collect();
            for key in &found {
                keys.remove(key);
            }
            seen.extend(found);
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        assert_eq!((seen.len(), keys.len()), (500, 0));
    }

    #[test]
    fn patterns_match_as_in_redis() {
        for (pattern, text, is) in [
            ("bull:*:meta", "bull:default:meta", true),
            ("bull:*:meta", "bull:default:wait", false),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("a?c*", "abcd", true),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, text), is, "{pattern} {text}");
        }
    }
}
