//! Stub.
#![allow(missing_docs)]
use crate::types::encoding::Encoding;
use alloc::{collections::BTreeMap, vec::Vec};

#[derive(Debug, Default)]
pub struct Hash(BTreeMap<Vec<u8>, Vec<u8>>);

impl Hash {
    pub fn new() -> Self {
        Self::default()
    }
    pub fn len(&self) -> usize {
        self.0.len()
    }
    pub fn get(&self, field: &[u8]) -> Option<&[u8]> {
        self.0.get(field).map(Vec::as_slice)
    }
    pub fn insert(&mut self, field: &[u8], value: &[u8], _: &Encoding) -> bool {
        self.0.insert(field.to_vec(), value.to_vec()).is_none()
    }
    pub fn remove(&mut self, field: &[u8]) -> bool {
        self.0.remove(field).is_some()
    }
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(f, v)| (f.as_slice(), v.as_slice()))
    }
    pub fn encoding(&self) -> &'static str {
        "hashtable"
    }
}
