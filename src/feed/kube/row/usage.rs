//! What metrics.k8s.io says of pods and nodes.

use serde::Deserialize;

use super::part::{Maybe, MetaIn, Text};
use crate::feed::kube::intern::Interner;
use crate::feed::kube::quantity;
use crate::model::{Key, Usage};

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow, default)]
    metadata: ListMeta<'a>,
    #[serde(borrow, default)]
    items: Maybe<Vec<Item<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ListMeta<'a> {
    #[serde(borrow)]
    r#continue: Text<'a>,
}

/// A pod has containers, a node has its usage itself.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Item<'a> {
    #[serde(borrow)]
    metadata: MetaIn<'a>,
    #[serde(borrow)]
    containers: Maybe<Vec<Used<'a>>>,
    #[serde(borrow)]
    usage: Amounts<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Used<'a> {
    #[serde(borrow)]
    usage: Amounts<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Amounts<'a> {
    #[serde(borrow)]
    cpu: Text<'a>,
    #[serde(borrow)]
    memory: Text<'a>,
}

impl Amounts<'_> {
    fn add(&self, cores: &mut f64, bytes: &mut f64) {
        *cores += quantity::parse(&self.cpu).unwrap_or(0.0);
        *bytes += quantity::parse(&self.memory).unwrap_or(0.0);
    }
}

/// One page of pod or node metrics, and the continue token.
pub fn usage(body: &[u8], intern: &mut Interner) -> Result<(Vec<(Key, Usage)>, String), serde_json::Error> {
    let list: List<'_> = serde_json::from_slice(body)?;
    let rows = list.items.iter().map(|item| {
        let (mut cores, mut bytes) = (0.0, 0.0);
        item.usage.add(&mut cores, &mut bytes);
        for c in item.containers.iter() {
            c.usage.add(&mut cores, &mut bytes);
        }
        let usage = Usage {
            // Rounded up, as kubectl top does.
            cpu_m: (cores * 1000.0 - 1e-6).ceil().max(0.0) as u64,
            memory: bytes.max(0.0) as u64,
        };
        (item.metadata.key(intern), usage)
    });
    Ok((rows.collect(), list.metadata.r#continue.to_string()))
}
