//! `FUNCTION DUMP`'s string: Redis's, so that libraries can be carried from one kind of server to the other.
//!
//! ```text
//!  (0xf5 | code)*  | RDB version u16 LE | CRC-64 u64 LE of all before |
//! ```
//! The code is a string as in an RDB file, compressed where that makes it shorter.

use sanderling_core::error::{Error, Result};
use sanderling_core::format::rdb::{Reader, VERSION, put_string, seal, unseal};

/// Writes libraries.
pub(super) fn write<'a>(codes: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for code in codes {
        out.push(FUNCTION);
        put_string(code, &mut out);
    }
    seal(VERSION, &mut out);
    out
}

/// Reads libraries.
///
/// # Errors
/// Redis's texts for what isn't whole or isn't of libraries.
pub(super) fn read(payload: &[u8]) -> Result<Vec<Vec<u8>>> {
    let content = unseal(payload).ok_or(Error::new("ERR DUMP payload version or checksum are wrong"))?;
    let mut reader = Reader::new(content, CODE_BYTES_MAX);
    let mut codes = Vec::new();
    while !reader.rest().is_empty() {
        if reader.byte() != Ok(FUNCTION) {
            return Err(Error::new("ERR given type is not a function"));
        }
        let code = reader.string().map_err(|_| Error::new("ERR failed loading functions payload"))?;
        codes.push(code.to_vec());
    }
    Ok(codes)
}

/// What stands before a library.
const FUNCTION: u8 = 245;
/// The bytes that compressed texts may become.
const CODE_BYTES_MAX: usize = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn libraries_round_trip(codes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..5)) {
            let payload = write(codes.iter().map(|code| &**code));
            prop_assert_eq!(read(&payload).unwrap(), codes);
        }

        #[test]
        fn garbage_is_refused(mut payload in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = read(&payload);
            // With a checksum that holds the content itself is looked at.
            seal(VERSION, &mut payload);
            let _ = read(&payload);
        }
    }
}
