//! PFDEBUG and PFSELFTEST: for those who look inside.

use alloc::{format, string::String};

use super::{
    add_commands::{add, replace},
    estimate::count,
    layout::{Layout, fresh, write},
    registers::{dense_register, empty, read_dense, runs, set_dense_register, write_dense},
};
use crate::{
    command::{Args, Command, Context, Flags, Group, Keys},
    error::{Error, Result},
    hash::Rng,
};

const KEY_AT_TWO: Keys = Keys::Range { first: 2, last: 2, step: 1 };

/// The rows of commands for those who look inside.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::HyperLogLog, "pfdebug", 3, Flags::WRITE.and(Flags::DENYOOM).and(Flags::ADMIN).and(Flags::SERVER_ONLY), KEY_AT_TWO, pfdebug)
        .doc("2.8.9", "N/A", "subcommand key", "Internal commands for debugging HyperLogLog values."),
    Command::new(Group::HyperLogLog, "pfselftest", 1, Flags::ADMIN.and(Flags::SERVER_ONLY), Keys::None, pfselftest)
        .doc("2.8.9", "N/A", "", "An internal command for testing HyperLogLog values."),
];

fn pfdebug(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (subcommand, key) = (args.word()?, args.word()?);
    let found = ctx.data.string(key)?.map(|value| value.with_bytes(<[u8]>::to_vec));
    let bytes = found.ok_or(Error::new("ERR The specified key does not exist"))?;
    let layout = Layout::read(&bytes)?;
    if subcommand.eq_ignore_ascii_case(b"ENCODING") {
        ctx.reply.simple(if layout.is_dense { "dense" } else { "sparse" });
    } else if subcommand.eq_ignore_ascii_case(b"DECODE") {
        if layout.is_dense {
            return Err(Error::new("ERR HLL encoding is not sparse"));
        }
        let shown = runs(layout.registers).map(|run| match (run.value, run.is_long) {
            (0, false) => format!("z:{}", run.len),
            (0, true) => format!("Z:{}", run.len),
            (value, _) => format!("v:{value},{}", run.len),
        });
        let shown = shown.collect::<alloc::vec::Vec<String>>().join(" ");
        ctx.reply.bulk(shown.as_bytes());
    } else if subcommand.eq_ignore_ascii_case(b"GETREG") || subcommand.eq_ignore_ascii_case(b"TODENSE") {
        let (values, was_dense) = (layout.values()?, layout.is_dense);
        if !was_dense {
            replace(ctx, key, &bytes, write(&values, false, 0));
        }
        if subcommand.eq_ignore_ascii_case(b"TODENSE") {
            ctx.reply.integer(i64::from(!was_dense));
        } else {
            ctx.reply.array(values.len());
            values.iter().for_each(|value| ctx.reply.integer(i64::from(*value)));
        }
    } else {
        let shown = String::from_utf8_lossy(subcommand);
        return Err(Error::owned(format!("ERR Unknown PFDEBUG subcommand '{shown}'")));
    }
    Ok(())
}

/// Checks that registers keep what they are given, and that both forms count within what theory allows.
fn pfselftest(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    let mut rng = Rng::new(1);
    let (mut values, mut bytes) = (empty(), write_dense(&empty()));
    for _ in 0..4 {
        for (register, held) in values.iter_mut().enumerate() {
            *held = rng.below(64) as u8;
            set_dense_register(&mut bytes, register, *held);
        }
        if let Some(at) = (0..values.len()).find(|at| values.get(*at) != Some(&dense_register(&bytes, *at))) {
            return Err(Error::owned(format!("ERR TESTFAILED Register {at} isn't what it was set to")));
        }
        if read_dense(&bytes) != values {
            return Err(Error::new("ERR TESTFAILED The registers read otherwise than one by one"));
        }
    }
    let (mut sparse, mut dense, mut added) = (fresh(), write(&empty(), false, 0), 0_u64);
    for checkpoint in [1, 10, 100, 1_000, 10_000, 100_000] {
        while added < checkpoint {
            let element = rng.next_u64().to_le_bytes();
            for form in [&mut sparse, &mut dense] {
                if let Some(after) = add(form, &[&element], ctx.config.hll_sparse_bytes_max())? {
                    *form = after;
                }
            }
            added += 1;
        }
        let counts = [count(&*Layout::read(&sparse)?.values()?), count(&*Layout::read(&dense)?.values()?)];
        let [of_sparse, of_dense] = counts;
        // Four standard errors, and one for what small numbers round to.
        let allowed = checkpoint as f64 * 4.0 * 1.04 / 128.0 + 1.0;
        if of_sparse != of_dense || (of_dense as f64 - checkpoint as f64).abs() > allowed {
            return Err(Error::owned(format!("ERR TESTFAILED Of {checkpoint} elements {counts:?} were counted")));
        }
    }
    ctx.reply.ok();
    Ok(())
}
