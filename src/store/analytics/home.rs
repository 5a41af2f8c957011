//! In which region a node is at home: where its zero-hop direct adverts are heard most.

use std::collections::{BTreeMap, HashMap};

use super::block::Block;

/// Counts in which regions nodes are heard without a relay.
#[derive(Debug, Default)]
pub struct HomeTally(HashMap<String, BTreeMap<String, u64>>);

/// Home regions (upper case) by public key.
pub type Homes = HashMap<String, String>;

impl HomeTally {
    /// Adds the receptions of a block; `regions` are those of observers by row id, upper case.
    pub fn add(&mut self, block: &Block<'_>, regions: &HashMap<i64, String>) {
        for packet in block.packets.iter().filter(|packet| packet.is_zero_hop_direct()) {
            let Some(advert) = &packet.advert else { continue };
            for heard in block.heard(packet) {
                let rowid = (heard.observer as usize).checked_sub(1);
                let rowid = rowid.and_then(|place| block.observers.get(place));
                let Some(region) = rowid.and_then(|rowid| regions.get(rowid)) else { continue };
                let counts = self.0.entry(advert.key.to_string()).or_default();
                match counts.get_mut(region) {
                    Some(count) => *count += 1,
                    None => _ = counts.insert(region.clone(), 1),
                }
            }
        }
    }

    /// Returns the homes; of regions with as many receptions the first by name.
    pub fn finish(self) -> Homes {
        let home = |(key, counts): (String, BTreeMap<String, u64>)| {
            let most = counts.iter().rev().max_by_key(|(_, count)| **count)?;
            Some((key, most.0.clone()))
        };
        self.0.into_iter().filter_map(home).collect()
    }
}
