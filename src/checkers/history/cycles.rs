//! Cycles in a graph of numbered nodes: which nodes can reach each other?
//!
//! ```text
//!   0 ──▶ 1 ──▶ 2       components: {0}, {1, 2, 3}, an edge lies on a cycle
//!         ▲     │       if and only if both its ends are in one component
//!         └─ 3 ◀┘
//! ```
//!
//! Source: Tarjan 1972, Depth-first search and linear graph algorithms; here with a stack of our
//! own, since a history can be deeper than a thread's. A path back is the shortest one, found
//! breadth first, because it is shown to people.

/// Edges of a graph, by their origins.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    edges: Vec<Vec<u32>>,
}

impl Graph {
    /// So many nodes without edges.
    pub(super) fn new(nodes: usize) -> Self {
        Self { edges: vec![Vec::new(); nodes] }
    }

    /// One node more; gives its number.
    pub(super) fn add_node(&mut self) -> u32 {
        self.edges.push(Vec::new());
        self.edges.len() as u32 - 1
    }

    /// An edge.
    pub(super) fn add(&mut self, from: u32, to: u32) {
        self.edges[from as usize].push(to);
    }

    /// The component of each node: equal for nodes that reach each other.
    pub(super) fn components(&self) -> Vec<u32> {
        let nodes = self.edges.len();
        let (mut order, mut low) = (vec![0_u32; nodes], vec![0_u32; nodes]);
        let mut component = vec![u32::MAX; nodes];
        let (mut met, mut found) = (0, 0);
        let mut open: Vec<u32> = Vec::new();
        for root in 0..nodes as u32 {
            if order[root as usize] != 0 {
                continue;
            }
            let mut path: Vec<(u32, usize)> = vec![(root, 0)];
            while let Some((node, next)) = path.pop() {
                let place = node as usize;
                if next == 0 {
                    met += 1;
                    (order[place], low[place]) = (met, met);
                    open.push(node);
                }
                if let Some(&to) = self.edges[place].get(next) {
                    path.push((node, next + 1));
                    if order[to as usize] == 0 {
                        path.push((to, 0));
                    } else if component[to as usize] == u32::MAX {
                        low[place] = low[place].min(order[to as usize]);
                    }
                    continue;
                }
                if low[place] == order[place] {
                    while let Some(member) = open.pop() {
                        component[member as usize] = found;
                        if member == node {
                            break;
                        }
                    }
                    found += 1;
                }
                if let Some(&(parent, _)) = path.last() {
                    low[parent as usize] = low[parent as usize].min(low[place]);
                }
            }
        }
        component
    }

    /// The nodes of a shortest path, both ends included; `None` if there is none.
    pub(super) fn path(&self, from: u32, to: u32) -> Option<Vec<u32>> {
        let mut came_from = vec![u32::MAX; self.edges.len()];
        let mut queue = std::collections::VecDeque::from([from]);
        came_from[from as usize] = from;
        while let Some(node) = queue.pop_front() {
            if node == to {
                break;
            }
            for &next in &self.edges[node as usize] {
                if came_from[next as usize] == u32::MAX {
                    came_from[next as usize] = node;
                    queue.push_back(next);
                }
            }
        }
        if came_from[to as usize] == u32::MAX {
            return None;
        }
        let mut path = vec![to];
        let mut at = to;
        while at != from {
            at = came_from[at as usize];
            path.push(at);
        }
        path.reverse();
        Some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn two_nodes_share_a_component_if_and_only_if_each_reaches_the_other(
            edges in prop::collection::vec((0..7_u32, 0..7_u32), 0..14),
        ) {
            let mut graph = Graph::new(7);
            for &(from, to) in &edges {
                graph.add(from, to);
            }
            let mut reaches = [[false; 7]; 7];
            (0..7).for_each(|node| reaches[node][node] = true);
            for _ in 0..7 {
                for &(from, to) in &edges {
                    for begin in &mut reaches {
                        begin[to as usize] |= begin[from as usize];
                    }
                }
            }
            let components = graph.components();
            for from in 0..7 {
                for to in 0..7 {
                    let both = reaches[from][to] && reaches[to][from];
                    prop_assert_eq!(components[from] == components[to], both);
                    let path = graph.path(from as u32, to as u32);
                    prop_assert_eq!(path.is_some(), reaches[from][to]);
                    for step in path.unwrap_or_default().windows(2) {
                        prop_assert!(edges.contains(&(step[0], step[1])));
                    }
                }
            }
        }
    }
}
