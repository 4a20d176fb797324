//! The sizes that slots come in: steps of 8 bytes to 256, then 16 a doubling,
//! so that less than an eighth of a slot is left over at worst.

use crate::engine::memory::record;

const STEP: usize = 8;
const FINE_MAX: usize = 256;
const FINE_CLASSES: usize = FINE_MAX / STEP;
const FINE_SHIFT: u32 = FINE_MAX.trailing_zeros();
const CLASSES_A_DOUBLING: usize = 16;

/// How many classes there are, 0 (which no slot has) included.
pub(super) const COUNT: usize = of(record::RECORD_BYTES_MAX) + 1;

/// The class of the smallest slot that holds so many bytes.
pub(super) const fn of(bytes: usize) -> usize {
    if bytes <= FINE_MAX {
        return bytes.div_ceil(STEP);
    }
    let doubling = (bytes - 1).ilog2();
    let step = (1 << doubling) / CLASSES_A_DOUBLING;
    let within = (bytes - 1 - (1 << doubling)) / step;
    FINE_CLASSES + 1 + doublings(doubling) * CLASSES_A_DOUBLING + within
}

/// The bytes of a slot of a class that [`of`] has given for so many bytes.
pub(super) const fn slot_bytes(bytes: usize) -> usize {
    if bytes <= FINE_MAX {
        return bytes.next_multiple_of(STEP);
    }
    bytes.next_multiple_of((1 << (bytes - 1).ilog2()) / CLASSES_A_DOUBLING)
}

/// How many doublings `1 << doubling` lies above the fine classes.
const fn doublings(doubling: u32) -> usize {
    let mut count = 0;
    let mut at = FINE_SHIFT;
    while at < doubling {
        at += 1;
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_holds_its_sizes_and_wastes_less_than_an_eighth() {
        let mut last = (0, 0);
        for bytes in 1..=record::RECORD_BYTES_MAX {
            let (class, slot) = (of(bytes), slot_bytes(bytes));
            assert!(slot >= bytes && class < COUNT);
            assert!(slot - bytes < 8 || (slot - bytes) * 8 < slot, "{bytes}");
            if class == last.0 {
                assert_eq!(slot, last.1, "one class has one size");
            } else {
                assert_eq!((class, bytes), (last.0 + 1, last.1 + 1));
            }
            last = (class, slot);
        }
    }
}
