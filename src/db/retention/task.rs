//! What work retention consists of.

use std::time::Duration;

use crate::config::RetentionConfig;

/// One kind of work. Ordered as it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Task {
    /// Silent nodes move to `inactive_nodes`.
    Nodes,
    /// Silent observers are marked.
    Observers,
    /// Metrics of observers that are marked.
    InactiveMetrics,
    /// Old metrics.
    Metrics,
    /// Old refused adverts.
    DroppedPackets,
    /// Old packets and their observations.
    Packets,
    /// What companion clients heard long ago.
    ClientReceptions,
    /// Clients not heard of for long.
    ClientObservers,
    /// Neighbours not heard of each other for long.
    NeighborEdges,
    /// Free pages are given back.
    Vacuum,
    /// SQLite's figures of the tables.
    Optimize,
}

impl Task {
    /// All, in order.
    pub const ALL: [Self; 11] = [
        Self::Nodes,
        Self::Observers,
        Self::InactiveMetrics,
        Self::Metrics,
        Self::DroppedPackets,
        Self::Packets,
        Self::ClientReceptions,
        Self::ClientObservers,
        Self::NeighborEdges,
        Self::Vacuum,
        Self::Optimize,
    ];

    /// Its name for operators.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nodes => "move_silent_nodes",
            Self::Observers => "mark_silent_observers",
            Self::InactiveMetrics => "prune_metrics_of_silent_observers",
            Self::Metrics => "prune_metrics",
            Self::DroppedPackets => "prune_dropped_packets",
            Self::Packets => "prune_packets",
            Self::ClientReceptions => "prune_client_receptions",
            Self::ClientObservers => "prune_client_observers",
            Self::NeighborEdges => "prune_neighbor_edges",
            Self::Vacuum => "incremental_vacuum",
            Self::Optimize => "optimize",
        }
    }

    /// How long what it deals with is kept; `None` if it is never dealt with, or does not depend
    /// on an age.
    pub fn keeps(self, keeps: &RetentionConfig) -> Option<Duration> {
        match self {
            Self::Nodes => Some(keeps.nodes),
            Self::Observers | Self::InactiveMetrics => keeps.observers,
            Self::Metrics | Self::DroppedPackets => Some(keeps.metrics),
            Self::Packets => keeps.packets,
            Self::ClientReceptions | Self::ClientObservers => keeps.client_receptions,
            Self::NeighborEdges => Some(keeps.neighbor_edges),
            Self::Vacuum | Self::Optimize => None,
        }
    }

    /// Whether the configuration asks for it.
    pub fn is_wanted(self, keeps: &RetentionConfig) -> bool {
        matches!(self, Self::Vacuum | Self::Optimize) || self.keeps(keeps).is_some()
    }

    /// Whether it deletes rows or gives their pages back.
    pub fn frees_space(self) -> bool {
        !matches!(self, Self::Nodes | Self::Observers | Self::Optimize)
    }
}
