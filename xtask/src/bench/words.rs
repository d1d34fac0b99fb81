//! What `bench server` has redis-benchmark send: its own tests' commands, and what each needs to find.
//!
//! redis-benchmark puts a random number below the number of keys in the place of `__rand_int__`.

/// A command that is measured.
#[derive(Debug)]
pub(super) struct Test {
    /// What redis-benchmark calls it.
    pub(super) name: &'static str,
    /// How many times fewer requests say as much, because each does more.
    pub(super) slower: u32,
    /// The words that are sent, given the value.
    pub(super) command: fn(&str) -> Vec<&str>,
    /// The calls that make the state before so many requests, given the value.
    pub(super) prepare: fn(u32, &str) -> Vec<Vec<String>>,
}

/// Everything that can be measured.
pub(super) const TESTS: &[Test] = &[
    Test::new("SET", |value| vec!["SET", "key:__rand_int__", value], |_, _| Vec::new()),
    Test::new("GET", |_| vec!["GET", "key:__rand_int__"], |_, _| Vec::new()),
    Test::new("INCR", |_| vec!["INCR", "counter:__rand_int__"], |_, _| Vec::new()),
    Test::new("LPUSH", |value| vec!["LPUSH", "mylist", value], |_, _| gone("mylist")),
    Test::new("LPOP", |_| vec!["LPOP", "mylist"], list),
    Test::new("RPUSH", |value| vec!["RPUSH", "mylist", value], |_, _| gone("mylist")),
    Test::new("RPOP", |_| vec!["RPOP", "mylist"], list),
    Test::new("SADD", |_| vec!["SADD", "myset", "element:__rand_int__"], |_, _| gone("myset")),
    Test::new("HSET", |value| vec!["HSET", "myhash", "element:__rand_int__", value], |_, _| gone("myhash")),
    Test::new(
        "SPOP",
        |_| vec!["SPOP", "myset"],
        |count, _| filled("myset", "SADD", count, |number| vec![element(number)]),
    ),
    Test::new("ZADD", |_| vec!["ZADD", "myzset", "__rand_int__", "element:__rand_int__"], |_, _| gone("myzset")),
    Test::new(
        "ZPOPMIN",
        |_| vec!["ZPOPMIN", "myzset"],
        |count, _| {
            // Scores in no order that members have.
            filled("myzset", "ZADD", count, |number| {
                vec![(number.wrapping_mul(7919) % count).to_string(), element(number)]
            })
        },
    ),
    Test {
        slower: 10,
        ..Test::new("LRANGE_100", |_| vec!["LRANGE", "mylist", "0", "99"], |_, value| list(1000, value))
    },
    Test {
        slower: 50,
        ..Test::new("LRANGE_600", |_| vec!["LRANGE", "mylist", "0", "599"], |_, value| list(1000, value))
    },
    Test {
        slower: 5,
        ..Test::new(
            "MSET",
            |value| std::iter::once("MSET").chain(["key:__rand_int__", value].repeat(10)).collect(),
            |_, _| Vec::new(),
        )
    },
    Test::new("XADD", |value| vec!["XADD", "mystream", "*", "myfield", value], |_, _| gone("mystream")),
];

impl Test {
    const fn new(
        name: &'static str,
        command: fn(&str) -> Vec<&str>,
        prepare: fn(u32, &str) -> Vec<Vec<String>>,
    ) -> Self {
        Self { name, slower: 1, command, prepare }
    }
}

fn gone(key: &str) -> Vec<Vec<String>> {
    vec![vec!["DEL".to_owned(), key.to_owned()]]
}

fn list(count: u32, value: &str) -> Vec<Vec<String>> {
    filled("mylist", "RPUSH", count, |_| vec![value.to_owned()])
}

fn element(number: u32) -> String {
    format!("element:{number:012}")
}

/// Removes a key and adds so many items to it, many a call.
fn filled(key: &str, name: &str, count: u32, item: impl Fn(u32) -> Vec<String>) -> Vec<Vec<String>> {
    let add = |first: u32| {
        let items = (first..count.min(first + ITEMS)).flat_map(&item);
        [name.to_owned(), key.to_owned()].into_iter().chain(items).collect()
    };
    gone(key).into_iter().chain((0..count).step_by(ITEMS as usize).map(add)).collect()
}

const ITEMS: u32 = 100;

#[cfg(test)]
mod tests {
    use super::{TESTS, filled};

    #[test]
    fn what_is_popped_from_holds_as_much() {
        for test in TESTS.iter().filter(|test| test.name.contains("POP")) {
            let calls = (test.prepare)(250, "v");
            let each = if test.name == "ZPOPMIN" { 2 } else { 1 };
            assert_eq!(calls[0][0], "DEL");
            assert_eq!(calls[1..].iter().map(|call| (call.len() - 2) / each).sum::<usize>(), 250, "{}", test.name);
        }
    }

    #[test]
    fn items_are_counted_through() {
        let calls = filled("k", "SADD", 101, |number| vec![number.to_string()]);
        assert_eq!(calls[2], ["SADD", "k", "100"]);
    }
}
