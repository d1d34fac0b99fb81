//! `math.random` and `math.randomseed`: the generator of `lrand48`, so that a seed gives the same numbers on every
//! machine and as in Redis. Each script begins with a seed that nobody can guess.

use std::rc::Rc;

use mlua::{IntoLuaMulti, Lua, MultiValue, Result, Table};

use super::api::{Answer, Failure, Shared, native};

/// The 48 bits of the generator.
#[derive(Clone, Copy, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// Starts as `srand48` does.
    pub(super) fn new(seed: u32) -> Self {
        Self((u64::from(seed) << 16) | 0x330e)
    }

    /// The next of 31 bits.
    fn draw(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(0x5_deec_e66d).wrapping_add(0xb) & 0xffff_ffff_ffff;
        (self.0 >> 17) as u32
    }

    /// The next number from 0 to 1, 1 left out.
    fn fraction(&mut self) -> f64 {
        f64::from(self.draw() % i32::MAX as u32) / f64::from(i32::MAX)
    }
}

/// The functions for the library `math`.
pub(super) fn functions(lua: &Lua, shared: &Rc<Shared>) -> Result<Table> {
    let functions = lua.create_table()?;
    let state = Rc::clone(shared);
    functions.raw_set("random", native(lua, move |lua, args| random(lua, &state, args))?)?;
    let state = Rc::clone(shared);
    let seed = move |lua: &Lua, mut args: MultiValue| {
        let seed = args.pop_front().map(|seed| lua.coerce_number(seed)).transpose()?.flatten();
        let seed = seed.ok_or_else(|| Failure::Text("bad argument #1 to 'randomseed' (number expected)".into()))?;
        state.random.replace(Random::new(seed as i64 as u32));
        Ok(MultiValue::new())
    };
    functions.raw_set("randomseed", native(lua, seed)?)?;
    Ok(functions)
}

fn random(lua: &Lua, shared: &Shared, args: MultiValue) -> Answer {
    let fraction = shared.random.borrow_mut().fraction();
    let mut bounds = Vec::with_capacity(2);
    for (at, value) in (1..).zip(args) {
        let number = lua.coerce_number(value)?;
        bounds.push(number.ok_or_else(|| Failure::Text(format!("bad argument #{at} to 'random' (number expected)")))?);
    }
    let number = match bounds[..] {
        [] => fraction,
        [high] if high.trunc() < 1.0 => return Err(empty(1)),
        [high] => (fraction * high.trunc()).floor() + 1.0,
        [low, high] if high.trunc() < low.trunc() => return Err(empty(2)),
        [low, high] => (fraction * (high.trunc() - low.trunc() + 1.0)).floor() + low.trunc(),
        _ => return Err(Failure::Text("wrong number of arguments".into())),
    };
    Ok(number.into_lua_multi(lua)?)
}

fn empty(argument: u8) -> Failure {
    Failure::Text(format!("bad argument #{argument} to 'random' (interval is empty)"))
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn a_seed_gives_the_numbers_of_lrand48() {
        // What glibc's srand48(0); lrand48() give.
        let mut random = Random::new(0);
        assert_eq!([random.draw(), random.draw(), random.draw()], [366_850_414, 1_610_402_240, 206_956_554]);
    }
}
