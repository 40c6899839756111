//! The tree itself: built leaf by leaf in memory that grows with a 256th of the leaves, and proven by paths.

use sha2::{Digest, Sha256};

use super::node_of;
use crate::batch::Hash;

/// Leaves below one of the nodes that are stored: enough to prove a record after hashing no more than these anew.
pub const GROUP_LEAVES: u64 = 256;

const GROUP_LEVEL: u32 = GROUP_LEAVES.trailing_zeros();

/// A tree that grows.
#[derive(Clone, Debug, Default)]
pub struct TreeBuilder {
    leaves: u64,
    /// Whole subtrees that wait for their neighbour: level and root, the highest level first.
    waiting: Vec<(u32, Hash)>,
    groups: Vec<Hash>,
}

impl TreeBuilder {
    /// Without a leaf yet.
    #[must_use]
    pub fn new() -> TreeBuilder {
        TreeBuilder::default()
    }

    /// How many leaves it has.
    #[must_use]
    pub fn leaves(&self) -> u64 {
        self.leaves
    }

    /// Adds the next leaf.
    pub fn push(&mut self, leaf: Hash) {
        let (mut level, mut node) = (0, leaf);
        while let Some((_, left)) = self.waiting.pop_if(|(waiting, _)| *waiting == level) {
            node = node_of(&left, &node);
            level += 1;
            if level == GROUP_LEVEL {
                self.groups.push(node);
            }
        }
        self.waiting.push((level, node));
        self.leaves += 1;
    }

    /// The root, and the roots of each [`GROUP_LEAVES`] leaves, the last of which may have fewer.
    #[must_use]
    pub fn finish(mut self) -> (Hash, Vec<Hash>) {
        let rest = self.waiting.iter().filter(|(level, _)| *level < GROUP_LEVEL).map(|(_, node)| node);
        if let Some(group) = folded(rest) {
            self.groups.push(group);
        }
        let root = folded(self.waiting.iter().map(|(_, node)| node));
        (root.unwrap_or_else(|| Sha256::digest([]).into()), self.groups)
    }
}

/// Joins subtrees of falling size from the smallest on.
fn folded<'a>(nodes: impl DoubleEndedIterator<Item = &'a Hash>) -> Option<Hash> {
    nodes.rev().copied().reduce(|right, left| node_of(&left, &right))
}

/// The root above these nodes of one level.
#[must_use]
pub fn tree_of(nodes: &[Hash]) -> Hash {
    let mut nodes = nodes.to_vec();
    while nodes.len() > 1 {
        nodes = level_above(&nodes);
    }
    nodes.first().copied().unwrap_or_else(|| Sha256::digest([]).into())
}

/// The neighbours on the way from node `at` of one level to the root above them, lowest first.
#[must_use]
pub fn path_to(nodes: &[Hash], mut at: usize) -> Vec<Hash> {
    let (mut nodes, mut path) = (nodes.to_vec(), Vec::new());
    while nodes.len() > 1 {
        path.extend(nodes.get(at ^ 1));
        nodes = level_above(&nodes);
        at /= 2;
    }
    path
}

fn level_above(nodes: &[Hash]) -> Vec<Hash> {
    let above = nodes.chunks(2).map(|pair| match pair {
        [left, right] => node_of(left, right),
        [alone] => *alone,
        _ => unreachable!("chunks of two have one or two"),
    });
    above.collect()
}

/// The root that leaf `at` of `leaves` and its path lead to; `None` when there is no such leaf or the path is not as long as it is.
#[must_use]
pub fn root_by_path(leaf: Hash, mut at: u64, leaves: u64, path: &[Hash]) -> Option<Hash> {
    if at >= leaves {
        return None;
    }
    let (mut node, mut width, mut path) = (leaf, leaves, path.iter());
    while width > 1 {
        if at ^ 1 < width {
            let neighbour = path.next()?;
            node = if at.is_multiple_of(2) { node_of(&node, neighbour) } else { node_of(neighbour, &node) };
        }
        (at, width) = (at / 2, width.div_ceil(2));
    }
    path.next().is_none().then_some(node)
}
