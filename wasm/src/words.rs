//! A block of words at a fixed place, through which JavaScript reads what a call left behind without calling again.

/// What each word says; the same order as `Word` in `js/src/crossing.ts`. Numbers of 64 bits take two, the low one first.
#[derive(Clone, Copy, Debug)]
#[repr(usize)]
pub(crate) enum Word {
    Changes = 0,
    Session = 1,
    OutAddress = 2,
    OutLength = 3,
    ScratchAddress = 4,
    ScratchLength = 5,
    State = 6,
    Pending = 7,
    Seq = 8,
    BytesIn = 10,
    BytesOut = 12,
    Timeout = 14,
    LastSeq = 16,
    EventSeq = 18,
    Acknowledged = 20,
    Memory = 22,
    Evicted = 23,
}

/// The block. Boxed, so that its address stays what it was when JavaScript asked for it.
#[derive(Debug, Default)]
pub(crate) struct Words(Box<[u32; COUNT]>);

impl Words {
    /// Where the block begins in the module's memory.
    pub(crate) fn address(&self) -> u32 {
        address_of(self.0.as_slice())
    }

    /// Sets a word.
    pub(crate) fn set(&mut self, word: Word, value: u32) {
        if let Some(place) = self.0.get_mut(word as usize) {
            *place = value;
        }
    }

    /// Sets two words to a number.
    pub(crate) fn set_wide(&mut self, word: Word, value: u64) {
        if let Some([low, high]) = self.0.get_mut(word as usize..word as usize + 2) {
            (*low, *high) = (value as u32, (value >> 32) as u32);
        }
    }
}

/// Where a slice begins in the module's memory, whose addresses have 32 bits.
pub(crate) fn address_of<T>(slice: &[T]) -> u32 {
    slice.as_ptr() as usize as u32
}

const COUNT: usize = 24;
