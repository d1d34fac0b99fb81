//! What a replica is made with, as JavaScript hands it over: an ordinary object, checked here.

use serde::Deserialize;
use wasm_bindgen::JsValue;

/// The object's fields. One that isn't known, is missing or has another type is refused with its name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// 16 random bytes, drawn anew for each replica.
    pub(crate) identity: [u8; 16],
    /// The globs of its keys.
    pub(crate) subscribe: Vec<String>,
}

impl Options {
    /// Reads the object.
    ///
    /// # Errors
    /// An `Error` for JavaScript to throw, which says what is wrong and where.
    pub(crate) fn read(options: JsValue) -> Result<Self, js_sys::Error> {
        serde_wasm_bindgen::from_value(options)
            .map_err(|error| js_sys::Error::new(&format!("the options of a replica: {error}")))
    }
}
