//! The timeline of a search: invocations and ends, from which calls are taken and put back.
//!
//! ```text
//!   head ⇄ a( ⇄ b( ⇄ a) ⇄ c( ⇄ b) ⇄ head        take b:  head ⇄ a( ⇄ a) ⇄ c( ⇄ head
//! ```
//!
//! A doubly linked list over two vectors (Wing & Gong's search as Lowe writes it): what may come
//! next is found without looking at what is in the order already. Links of a call that was taken
//! stay as they are, so that putting back in the reverse order restores the list.

use crate::checkers::history::calls::Call;

/// Invocations and ends in order, as a list from which calls can be taken and put back.
pub(super) struct Timeline {
    /// Entries: the invocation of call `i` is `2 i`, its end `2 i + 1`, the head comes last. The
    /// end of a call that has none is linked to itself.
    next: Vec<u32>,
    before: Vec<u32>,
}

impl Timeline {
    pub(super) fn new(calls: &[Call]) -> Self {
        let head = 2 * calls.len() as u32;
        let mut entries = Vec::with_capacity(2 * calls.len());
        for (call, place) in calls.iter().zip(0..) {
            entries.push((call.invoked.rank, 2 * place));
            entries.extend(call.ended.map(|ended| (ended.rank, 2 * place + 1)));
        }
        entries.sort_unstable();
        let mut timeline = Self { next: (0..=head).collect(), before: (0..=head).collect() };
        let mut last = head;
        for (_, entry) in entries {
            timeline.next[last as usize] = entry;
            timeline.before[entry as usize] = last;
            last = entry;
        }
        timeline.next[last as usize] = head;
        timeline.before[head as usize] = last;
        timeline
    }

    pub(super) fn head(&self) -> u32 {
        self.next.len() as u32 - 1
    }

    pub(super) fn after(&self, at: u32) -> u32 {
        self.next[at as usize]
    }

    /// The call whose invocation stands here; `None` at an end, and behind everything.
    pub(super) fn call_at(&self, at: u32) -> Option<u32> {
        (at.is_multiple_of(2) && at != self.head()).then_some(at / 2)
    }

    pub(super) fn remove(&mut self, call: u32) {
        for entry in [2 * call, 2 * call + 1] {
            let (before, next) = (self.before[entry as usize], self.next[entry as usize]);
            self.next[before as usize] = next;
            self.before[next as usize] = before;
        }
    }

    /// Puts back the call that was removed last.
    pub(super) fn restore(&mut self, call: u32) {
        for entry in [2 * call + 1, 2 * call] {
            let (before, next) = (self.before[entry as usize], self.next[entry as usize]);
            self.next[before as usize] = entry;
            self.before[next as usize] = entry;
        }
    }

    /// For each call a bit that no call has which is open at the same time. Calls that never end
    /// have bits of their own, in words of their own.
    pub(super) fn bits(&self, calls: &[Call]) -> Bits {
        let (mut bits, mut free, mut width) = (vec![0; calls.len()], Vec::new(), 0);
        let mut unknown = Vec::new();
        let mut at = self.after(self.head());
        while at != self.head() {
            let call = (at / 2) as usize;
            if at % 2 == 1 {
                free.push(bits[call]);
            } else if calls[call].ended.is_none() {
                unknown.push(call);
            } else {
                bits[call] = free.pop().unwrap_or_else(|| {
                    width += 1;
                    width - 1
                });
            }
            at = self.after(at);
        }
        let certain_words = (width as usize).div_ceil(64);
        for (bit, &call) in (64 * certain_words as u32..).zip(&unknown) {
            bits[call] = bit;
        }
        Bits { bits, certain_words, words: certain_words + unknown.len().div_ceil(64) }
    }
}

/// The bits of calls, and in how many words they lie: first those of calls that end.
pub(super) struct Bits {
    pub(super) bits: Vec<u32>,
    pub(super) certain_words: usize,
    pub(super) words: usize,
}
