//! One page of a replica's keys, as JavaScript is given it: an ordinary object.

use sanderling_core::keyspace::{Entry, Value};
use serde::{Serialize, Serializer};
use wasm_bindgen::JsValue;

/// Keys, and where the next page begins.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Page {
    /// The cursor to go on with; 0 at the end.
    pub(crate) cursor: Cursor,
    /// The keys.
    pub(crate) entries: Vec<Row>,
}

/// A cursor: 64 bits, more than a JavaScript number holds, so it crosses as text.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cursor(pub(crate) u64);

/// One key.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    key: String,
    #[serde(rename = "type")]
    kind: &'static str,
    /// Milliseconds since the epoch.
    expires_at: Option<f64>,
    /// Bytes of a string, elements of a collection.
    size: u32,
}

impl Page {
    /// Appends a key.
    pub(crate) fn push(&mut self, entry: Entry<'_>) {
        let size = match entry.value {
            Value::String(value) => value.len(),
            Value::List(value) => value.len(),
            Value::Set(value) => value.len(),
            Value::Hash(value) => value.len(),
            Value::ZSet(value) => value.len(),
            Value::Stream(value) => value.len(),
        };
        self.entries.push(Row {
            key: String::from_utf8_lossy(entry.key).into_owned(),
            kind: entry.value.kind().name(),
            expires_at: entry.expires_at.map(|at| at.0 as f64),
            size: u32::try_from(size).unwrap_or(u32::MAX),
        });
    }

    /// The page as an object.
    pub(crate) fn into_js(self) -> JsValue {
        // `null` rather than `undefined` for no deadline, as in JSON. Nothing in a page can fail to cross.
        let serializer = serde_wasm_bindgen::Serializer::new().serialize_missing_as_null(true);
        self.serialize(&serializer).unwrap_or_default()
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_string())
    }
}
