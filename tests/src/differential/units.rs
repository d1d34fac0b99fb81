//! What is played at once: calls that belong together, such as a transaction, or a draw and what it draws from.

use sanderling_core::command::Group;
use sanderling_core::hash::Rng;

use super::calls::{Call, Shapes, finish};
use super::check::Check;
use super::faults::spoil;
use super::words::{Flavour, key, member, once_in, pick, word};

/// Calls that belong together, on one of the connections.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    /// 0: the one that speaks RESP2; 1: RESP3.
    pub(super) line: usize,
    /// What is called, in order.
    pub(super) calls: Vec<Call>,
}

/// Makes the units of an episode, one after the other, out of a seed.
#[derive(Debug)]
pub(super) struct Generator<'a> {
    rng: Rng,
    shapes: &'a Shapes,
    flavour: Flavour,
    line: usize,
    /// Units until the other connection has its turn.
    turn: u64,
}

impl<'a> Generator<'a> {
    pub(super) fn new(seed: u64, shapes: &'a Shapes, huge: bool) -> Self {
        let mut rng = Rng::new(seed);
        let flavour = Flavour::new(&mut rng, huge);
        Self { rng, shapes, flavour, line: 0, turn: 0 }
    }

    /// The next unit.
    pub(super) fn unit(&mut self) -> Unit {
        if self.turn == 0 {
            self.turn = 1 + self.rng.below(400);
            self.line = 1 - self.line;
        }
        self.turn -= 1;
        Unit { line: self.line, calls: self.calls() }
    }

    fn calls(&mut self) -> Vec<Call> {
        let rng = &mut self.rng;
        match rng.below(1000) {
            0..40 => self.draw(),
            40..75 => self.scan(),
            75..95 => self.transaction(),
            95..115 => self.script(),
            115..116 => vec![Call::of("RPUSH plain a b")],
            116..123 => self.longest_common(),
            123..128 => self.by_the_clock(),
            128..130 => vec![self.unknown()],
            130..131 if self.flavour.huge => self.huge(),
            131..150 => self.fill(),
            _ => vec![self.shapes.call(rng, &self.flavour)],
        }
    }

    /// A call whose outcome is left to chance, after what shows what there is to choose from.
    fn draw(&mut self) -> Vec<Call> {
        let (rng, flavour) = (&mut self.rng, &self.flavour);
        let count = || [-5, -1, 0, 1, 2, 3, 7, 40];
        let (name, group, look) = pick(
            rng,
            &[
                ("SPOP", Group::Set, "SMEMBERS"),
                ("SRANDMEMBER", Group::Set, "SMEMBERS"),
                ("HRANDFIELD", Group::Hash, "HGETALL"),
                ("ZRANDMEMBER", Group::SortedSet, "ZRANGE"),
                ("RANDOMKEY", Group::Generic, "KEYS"),
            ],
        );
        if name == "RANDOMKEY" {
            let mut draw = Call::of("RANDOMKEY");
            draw.check = Check::Drawn { distinct: true, pairs: false };
            return vec![Call::of("KEYS *"), draw];
        }
        let key = key(rng, flavour, group);
        let look =
            || if look == "ZRANGE" { Call::on("ZRANGE", &key, "0 -1 WITHSCORES") } else { Call::on(look, &key, "") };
        let mut words = vec![name.as_bytes().to_vec(), key.clone()];
        let mut check = Check::Drawn { distinct: true, pairs: false };
        if !once_in(rng, 3) {
            let count = pick(rng, &count());
            words.push(count.to_string().into_bytes());
            let pairs = !matches!(name, "SPOP" | "SRANDMEMBER") && once_in(rng, 2);
            if pairs {
                words.push(if name == "HRANDFIELD" { b"WITHVALUES".to_vec() } else { b"WITHSCORES".to_vec() });
            }
            check = Check::Drawn { distinct: count >= 0, pairs };
        }
        // What is wrong with a call must not be that another key is drawn from.
        if rng.below(100) < flavour.faults {
            spoil(rng, flavour, &mut words);
            words.truncate(4);
            if words.get(1) != Some(&key) {
                words.truncate(1);
            }
            check = Check::Count;
        }
        finish(&mut words, flavour);
        let draw = Call { words, check };
        if name != "SPOP" {
            return vec![look(), draw];
        }
        // The two sets are different from here on.
        let mut after = look();
        after.check = Check::Left;
        vec![look(), draw, after, Call::on("DEL", &key, "")]
    }

    fn scan(&mut self) -> Vec<Call> {
        let (rng, flavour) = (&mut self.rng, &self.flavour);
        let (name, group, look) = pick(
            rng,
            &[
                ("scan", Group::Generic, "KEYS"),
                ("sscan", Group::Set, "SMEMBERS"),
                ("hscan", Group::Hash, "HGETALL"),
                ("zscan", Group::SortedSet, "ZRANGE"),
            ],
        );
        let Some(mut scan) = self.shapes.named(rng, flavour, name) else { return Vec::new() };
        let at = if name == "scan" { 1 } else { 2 };
        let begins = scan.words.get(at).is_some_and(|cursor| cursor == b"0");
        scan.check = Check::Scanned { pairs: matches!(name, "hscan" | "zscan"), begins };
        let key = match scan.words.get(1) {
            Some(key) if name != "scan" => key.clone(),
            _ => key(rng, flavour, group),
        };
        let look = match look {
            "KEYS" => Call::of("KEYS *"),
            "ZRANGE" => Call::on(look, &key, "0 -1 WITHSCORES"),
            _ => Call::on(look, &key, ""),
        };
        vec![look, scan]
    }

    fn transaction(&mut self) -> Vec<Call> {
        let rng = &mut self.rng;
        let count = if once_in(rng, 100) { 2000 } else { rng.below(8) };
        let mut calls = vec![Call::of("MULTI")];
        for _ in 0..count {
            calls.push(self.shapes.call(rng, &self.flavour));
        }
        match rng.below(12) {
            0 => calls.push(Call::of("MULTI")),
            1 => calls.push(Call::of("EXEC now")),
            2 => calls.insert(0, Call::of(pick(rng, &["EXEC", "DISCARD", "MULTI x"]))),
            _ => {}
        }
        calls.push(Call::of(if once_in(rng, 8) { "DISCARD" } else { "EXEC" }));
        calls
    }

    /// A call by way of a script.
    fn script(&mut self) -> Vec<Call> {
        let rng = &mut self.rng;
        let call = self.shapes.call(rng, &self.flavour);
        let name = String::from_utf8_lossy(&call.words[0]).to_ascii_lowercase();
        // Scripts may call what waits, as from Redis 7.2 on. What a script returns has lost its times' places.
        let waits = matches!(
            name.as_str(),
            "blpop" | "brpop" | "blmove" | "blmpop" | "brpoplpush" | "bzpopmin" | "bzpopmax" | "bzmpop"
        );
        if waits || call.words.len() > 200 {
            return vec![call];
        }
        let script = pick(rng, &["return redis.call(unpack(ARGV))", "return redis.pcall(unpack(ARGV))"]);
        let eval = pick(rng, &["EVAL", "EVAL", "EVAL", "EVAL_RO"]);
        let head = [eval, script, "0"].map(|word| word.as_bytes().to_vec());
        vec![Call { words: [head.to_vec(), call.words].concat(), check: call.check }]
    }

    fn longest_common(&mut self) -> Vec<Call> {
        let (rng, flavour) = (&mut self.rng, &self.flavour);
        let text = |rng: &mut Rng| (0..rng.below(40)).map(|_| b'a' + rng.below(4) as u8).collect::<Vec<u8>>();
        let set = |key: &str, value: Vec<u8>| Call::new(vec![b"SET".to_vec(), key.as_bytes().to_vec(), value]);
        let (first, second) = (set("lcs:0", text(rng)), set("lcs:1", text(rng)));
        let mut words: Vec<Vec<u8>> = ["LCS", "lcs:0", "lcs:1"].map(|word| word.as_bytes().to_vec()).to_vec();
        for option in ["LEN", "IDX", "WITHMATCHLEN"] {
            if once_in(rng, 2) {
                words.push(option.into());
            }
        }
        if once_in(rng, 3) {
            words.extend([b"MINMATCHLEN".to_vec(), pick(rng, &["0", "2", "-1", "x", "4"]).into()]);
        }
        if rng.below(100) < flavour.faults {
            words[2] = key(rng, flavour, Group::List);
            words[2] = if words[2].starts_with(b"string") || words[2].starts_with(b"hyper") {
                b"lcs:2".to_vec()
            } else {
                words[2].clone()
            };
        }
        vec![first, second, Call::new(words), Call::of("DEL lcs:0 lcs:1")]
    }

    /// What depends on the clock, or leaves traces in Redis alone, and is forgotten again.
    fn by_the_clock(&mut self) -> Vec<Call> {
        let rng = &mut self.rng;
        let clock = |line: &str| Call { check: Check::Clock, ..Call::of(line) };
        match rng.below(4) {
            3 => {
                let key = key(rng, &self.flavour, Group::HyperLogLog);
                let copy = Call::on("COPY", &key, "clock");
                vec![copy, Call::of("PFCOUNT clock"), Call::of("PFCOUNT clock"), Call::of("DEL clock")]
            }
            0 => vec![
                clock("XADD clock * a b"),
                Call::of("XLEN clock"),
                clock("XRANGE clock - +"),
                Call::of("DEL clock"),
            ],
            1 => vec![clock("TIME"), clock("LASTSAVE")],
            _ => vec![
                Call::of("SET clock 1 PX 100000000"),
                Call::of("PTTL clock"),
                Call::of("PERSIST clock"),
                Call::of("DEL clock"),
            ],
        }
    }

    fn unknown(&mut self) -> Call {
        let (rng, flavour) = (&mut self.rng, &self.flavour);
        let name = pick(rng, &["nosuchcommand", "GETT", "", "xinfo", "object", "xgroup", "\r\n", "Config\0", "x'y"]);
        let mut words = vec![name.as_bytes().to_vec()];
        (0..rng.below(24)).for_each(|_| words.push(member(rng, flavour)));
        Call::new(words)
    }

    /// A value of many members at once, past what the small encodings take.
    fn fill(&mut self) -> Vec<Call> {
        let (rng, flavour) = (&mut self.rng, &self.flavour);
        let (name, group) = pick(
            rng,
            &[
                ("RPUSH", Group::List),
                ("SADD", Group::Set),
                ("HSET", Group::Hash),
                ("ZADD", Group::SortedSet),
                ("ZADD", Group::Set),
                ("PFADD", Group::HyperLogLog),
                ("GEOADD", Group::Geo),
            ],
        );
        let Some(row) = sanderling_core::command::table::find(name.as_bytes()) else { return Vec::new() };
        let mut words = vec![name.as_bytes().to_vec(), key(rng, flavour, group)];
        // Those all of whose scores are equal, for ranges by members.
        let even = group == Group::Set && name == "ZADD";
        if even {
            words[1] = pick(rng, &["even:0", "even:1"]).into();
        }
        for _ in 0..pick(rng, &[3, 10, 60, 140, 600]) {
            let own = |rng: &mut Rng, name: &str| word(rng, flavour, row, name);
            match name {
                "ZADD" if even => words.push(b"0".to_vec()),
                "ZADD" => words.push(own(rng, "score")),
                "GEOADD" => words.extend([own(rng, "longitude"), own(rng, "latitude")]),
                _ => {}
            }
            words.push(member(rng, flavour));
            if name == "HSET" {
                words.push(own(rng, "value"));
            }
        }
        vec![Call::new(words)]
    }

    /// Half a gigabyte, made and thrown away.
    fn huge(&mut self) -> Vec<Call> {
        let make = pick(
            &mut self.rng,
            &[
                "SETBIT huge 4294967295 1",
                "SETRANGE huge 536870911 x",
                "SETRANGE huge 536870912 x",
                "BITFIELD huge SET u8 4294967288 1",
                "SETBIT huge 4294967296 1",
            ],
        );
        vec![
            Call::of(make),
            Call::of("STRLEN huge"),
            Call::of("BITCOUNT huge"),
            Call::of("APPEND huge xx"),
            Call::of("DEL huge"),
        ]
    }
}
