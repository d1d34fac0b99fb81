//! The forms hold the same, the count is near, and the bytes are Redis's.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::{
    add_commands::add,
    estimate::{count, place},
    layout::{Layout, fresh, write},
    registers::{
        REGISTERS, dense_register, empty, read_dense, read_sparse, sparse_register, write_dense, write_sparse,
    },
};
use crate::{
    Engine, EngineOptions, Env,
    resp::{Value, decode_value},
};

proptest! {
    #[test]
    fn both_forms_hold_the_same(places in prop::collection::vec((0..REGISTERS, 1_u8..33), 0..600)) {
        let mut values = empty();
        places.iter().for_each(|(register, value)| values[*register] = *value);
        let (sparse, dense) = (write_sparse(&values, usize::MAX).unwrap(), write_dense(&values));
        prop_assert_eq!(read_sparse(&sparse).unwrap(), values.clone());
        prop_assert_eq!(read_dense(&dense), values.clone());
        for (register, _) in &places {
            prop_assert_eq!(sparse_register(&sparse, *register), Some(values[*register]));
            prop_assert_eq!(dense_register(&dense, *register), values[*register]);
        }
    }

    #[test]
    fn adding_raises_registers_in_either_form(
        elements in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..60),
    ) {
        let (mut sparse, mut dense) = (fresh(), write(&empty(), false, 0));
        let mut values = empty();
        for group in elements.chunks(3) {
            let group: Vec<&[u8]> = group.iter().map(Vec::as_slice).collect();
            let before = values.clone();
            for element in &group {
                let (register, value) = place(element);
                values[register] = values[register].max(value);
            }
            for form in [&mut sparse, &mut dense] {
                let after = add(form, &group, 3000).unwrap();
                prop_assert_eq!(after.is_some(), before != values);
                if let Some(after) = after {
                    *form = after;
                }
                let layout = Layout::read(form).unwrap();
                prop_assert_eq!(layout.values().unwrap(), values.clone());
                prop_assert_eq!(layout.count, None);
            }
            prop_assert!(!Layout::read(&sparse).unwrap().is_dense);
        }
    }

    #[test]
    fn whatever_the_bytes_are_it_is_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..200), whole: bool, at in 0_usize..60, byte: u8,
    ) {
        let mut bytes = if whole { fresh() } else { bytes };
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        if let Ok(layout) = Layout::read(&bytes) {
            let _ = layout.values().map(|values| count(&values));
            let _ = add(&bytes, &[b"x"], 3000);
        }
    }
}

#[test]
fn the_count_is_near() {
    let (mut bytes, mut added) = (fresh(), 0_u64);
    for checkpoint in [1, 10, 100, 1_000, 10_000, 100_000] {
        let elements: Vec<[u8; 8]> = (added..checkpoint).map(u64::to_le_bytes).collect();
        let elements: Vec<&[u8]> = elements.iter().map(<[u8; 8]>::as_slice).collect();
        for group in elements.chunks(5_000) {
            if let Some(after) = add(&bytes, group, 3000).unwrap() {
                bytes = after;
            }
        }
        added = checkpoint;
        let layout = Layout::read(&bytes).unwrap();
        assert_eq!(layout.is_dense, checkpoint > 1_000);
        let (counted, expected) = (count(&layout.values().unwrap()) as f64, checkpoint as f64);
        assert!((counted - expected).abs() <= expected * 0.03, "{counted} of {expected}");
    }
}

/// What redis-server 7.0.15 has after `PFADD k a b c` and `PFCOUNT k`.
#[test]
fn the_bytes_are_those_of_redis() {
    let mut engine = Engine::new(EngineOptions::default());
    let session = engine.open_session("test", Env::new(0, 0));
    let mut call = |line: &str| {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let mut reply = Vec::new();
        engine.execute(Env::new(1, 7), session, &words, &mut reply);
        decode_value(&reply).unwrap().unwrap().0
    };
    assert_eq!(call("PFADD k a b c"), Value::Integer(1));
    assert_eq!(call("PFADD k a b c"), Value::Integer(0));
    assert_eq!(call("PFCOUNT k"), Value::Integer(3));
    let expected = b"HYLL\x01\0\0\0\x03\0\0\0\0\0\0\0\x60\xf3\x80\x50\xb1\x84\x4b\xfb\x80\x42\x5a".to_vec();
    assert_eq!(call("GET k"), Value::Bulk(expected));
    assert_eq!(call("PFMERGE to k"), Value::Simple("OK".into()));
    assert_eq!(call("PFCOUNT to k other"), Value::Integer(3));
}
