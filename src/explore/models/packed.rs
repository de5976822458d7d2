//! Fields of a packed state: a number in some bits of a word, and rows of equal fields.
//!
//! ```text
//!   state:  rest │ row 2 │ row 1 │ row 0        a row is one process and all that concerns it,
//!                          └ field ┘            so sorting the rows undoes every renaming
//! ```
//!
//! A packed state is its own key, so counts rest on no digest at all.

/// A number in some bits of a state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    at: u32,
    width: u32,
}

impl Field {
    /// The field of `width` bits (at most 31) that begins at bit `at`.
    pub(super) const fn new(at: u32, width: u32) -> Self {
        Self { at, width }
    }

    /// The same field in another row, where rows have `stride` bits.
    #[inline]
    pub(super) const fn row(self, row: u32, stride: u32) -> Self {
        Self { at: self.at + row * stride, width: self.width }
    }

    /// Its number in a state.
    #[inline]
    pub(super) const fn of(self, state: u128) -> u32 {
        (state >> self.at) as u32 & ((1 << self.width) - 1)
    }

    /// The state with another number in it.
    #[inline]
    pub(super) const fn set(self, state: u128, value: u32) -> u128 {
        let mask = ((1_u128 << self.width) - 1) << self.at;
        state & !mask | (value as u128) << self.at
    }
}

/// The most rows that can be sorted.
pub(super) const ROWS_MAX: u32 = 16;

/// The state with its rows in ascending order; what stands above the rows stays.
///
/// # Panics
/// When there are more than [`ROWS_MAX`] rows.
#[inline]
pub(super) fn sort_rows(state: u128, rows: u32, stride: u32) -> u128 {
    let mut numbers = [0_u32; ROWS_MAX as usize];
    let numbers = &mut numbers[..rows as usize];
    let row = Field::new(0, stride);
    for (index, number) in numbers.iter_mut().enumerate() {
        *number = row.row(index as u32, stride).of(state);
    }
    numbers.sort_unstable();
    let pairs = numbers.iter().enumerate();
    pairs.fold(state, |state, (index, &number)| row.row(index as u32, stride).set(state, number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_field_holds_its_number_and_touches_no_other(
            state: u128, at in 0..110_u32, width in 1..16_u32, value: u32,
        ) {
            let (field, value) = (Field::new(at, width), value & ((1 << width) - 1));
            let changed = field.set(state, value);
            prop_assert_eq!(field.of(changed), value);
            prop_assert_eq!(field.set(changed, field.of(state)), state);
        }

        #[test]
        fn sorted_rows_are_the_same_for_all_orders(
            rows in prop::collection::vec(0..64_u32, 1..=10), turn in 0..10_usize, rest in 0..4_u32,
        ) {
            let pack = |rows: &[u32]| {
                let start = Field::new(60, 2).set(0, rest);
                let pairs = rows.iter().enumerate();
                pairs.fold(start, |state, (index, &row)| {
                    Field::new(0, 6).row(index as u32, 6).set(state, row)
                })
            };
            let mut turned = rows.clone();
            turned.rotate_left(turn % rows.len());
            let count = rows.len() as u32;
            let sorted = sort_rows(pack(&rows), count, 6);
            prop_assert_eq!(sorted, sort_rows(pack(&turned), count, 6));
            prop_assert_eq!(sorted, sort_rows(sorted, count, 6));
            let mut ascending = rows;
            ascending.sort_unstable();
            prop_assert_eq!(sorted, pack(&ascending));
        }
    }
}
