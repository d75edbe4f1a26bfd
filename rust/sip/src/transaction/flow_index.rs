//! Which transactions use a flow, so that a broken one is dealt with without a walk over all others.

use std::collections::HashMap;

use slab::Slab;

use super::entry::Entry;
use super::id::TransactionId;
use crate::transport::Flow;

const NONE: u32 = u32::MAX;

/// Heads of lists that run through the entries themselves.
#[derive(Default)]
pub(super) struct FlowIndex {
    heads: HashMap<Flow, u32>,
}

impl FlowIndex {
    pub(super) fn insert(&mut self, entries: &mut Slab<Entry>, slot: usize) {
        let flow = entries[slot].flow;
        let here = slot as u32;
        let head = self.heads.insert(flow, here).unwrap_or(NONE);
        entries[slot].previous = here;
        entries[slot].next = head;
        if let Some(next) = entries.get_mut(head as usize) {
            next.previous = here;
        }
    }

    pub(super) fn remove(&mut self, entries: &mut Slab<Entry>, slot: usize) {
        let Entry { flow, previous, next, .. } = entries[slot];
        let is_first = previous as usize == slot;
        if let Some(entry) = entries.get_mut(next as usize) {
            entry.previous = if is_first { next } else { previous };
        }
        if !is_first {
            entries[previous as usize].next = next;
        } else if next == NONE {
            self.heads.remove(&flow);
        } else {
            self.heads.insert(flow, next);
        }
    }

    /// All transactions of a flow, the youngest first.
    pub(super) fn collect(&self, entries: &Slab<Entry>, flow: Flow, out: &mut Vec<TransactionId>) {
        let mut slot = self.heads.get(&flow).copied().unwrap_or(NONE);
        while let Some(entry) = entries.get(slot as usize) {
            out.push(entry.id);
            slot = entry.next;
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.heads.len()
    }
}
