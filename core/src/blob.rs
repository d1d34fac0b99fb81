//! Bytes that travel: borrowed from a command's arguments or a received message where possible, owned otherwise.

use alloc::{borrow::Cow, boxed::Box, vec::Vec};
use core::{fmt, ops::Deref};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Binary-safe bytes in an effect or a message.
///
/// The wire form is postcard's for bytes: a varint length and the bytes. Decoding borrows from the input.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blob<'a>(pub Cow<'a, [u8]>);

impl<'a> Blob<'a> {
    /// The same bytes, detached from where they were borrowed.
    pub fn into_owned(self) -> Blob<'static> {
        Blob(Cow::Owned(self.0.into_owned()))
    }

    /// The same bytes, borrowed from this blob.
    pub fn borrowed(&'a self) -> Self {
        Self(Cow::Borrowed(&self.0))
    }
}

impl Deref for Blob<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<'a> From<&'a [u8]> for Blob<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(Cow::Borrowed(bytes))
    }
}

impl From<Vec<u8>> for Blob<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Cow::Owned(bytes))
    }
}

impl From<Box<[u8]>> for Blob<'_> {
    fn from(bytes: Box<[u8]>) -> Self {
        Self(Cow::Owned(bytes.into_vec()))
    }
}

impl fmt::Debug for Blob<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.escape_ascii())
    }
}

impl Serialize for Blob<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Blob<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Blob<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_borrowed_bytes<E: de::Error>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Blob(Cow::Borrowed(bytes)))
            }
        }
        deserializer.deserialize_bytes(Visitor)
    }
}
