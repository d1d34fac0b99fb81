//! Stub.
#![allow(missing_docs)]
use crate::types::encoding::Encoding;
use alloc::{collections::BTreeSet, vec::Vec};

#[derive(Debug, Default)]
pub struct Set(BTreeSet<Vec<u8>>);

impl Set {
    pub fn new() -> Self {
        Self::default()
    }
    pub fn len(&self) -> usize {
        self.0.len()
    }
    pub fn add(&mut self, member: &[u8], _: &Encoding) -> bool {
        self.0.insert(member.to_vec())
    }
    pub fn remove(&mut self, member: &[u8]) -> bool {
        self.0.remove(member)
    }
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Vec::as_slice)
    }
    pub fn encoding(&self) -> &'static str {
        "hashtable"
    }
}
