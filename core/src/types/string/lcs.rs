//! LCS: the longest common subsequence of two strings, by the table of Wagner and Fischer.

use alloc::{vec, vec::Vec};
use core::ops::RangeInclusive;

use crate::{
    command::{Args, Command, Context, Flags, Group, Keys},
    error::{Error, Result},
};

/// The row.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::String, "lcs", -3, Flags::READ, Keys::FIRST_TWO, lcs)
        .doc("7.0.0", "O(N*M) where N and M are the lengths of the strings", "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]", "Finds the longest common substring."),
];

fn lcs(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let keys = [args.word()?, args.word()?];
    let [one, other] = keys.map(|key| match ctx.data.string(key) {
        Ok(value) => Ok(value.map(|value| value.to_blob().to_vec()).unwrap_or_default()),
        Err(_) => Err(Error::new("ERR The specified keys must contain string values")),
    });
    let (one, other) = (one?, other?);
    let (mut length_only, mut indexes, mut with_lengths, mut length_min) = (false, false, false, 0);
    while !args.is_empty() {
        if args.take_if("LEN") {
            length_only = true;
        } else if args.take_if("IDX") {
            indexes = true;
        } else if args.take_if("WITHMATCHLEN") {
            with_lengths = true;
        } else if args.len() > 1 && args.take_if("MINMATCHLEN") {
            length_min = usize::try_from(args.integer()?).unwrap_or(0);
        } else {
            return Err(Error::SYNTAX);
        }
    }
    if length_only && indexes {
        return Err(Error::new("ERR If you want both the length and indexes, please just use IDX."));
    }
    let table = Table::new(&one, &other, ctx.limits.bulk_bytes_max)?;
    if length_only {
        ctx.reply.count(table.length());
    } else if indexes {
        let matches: Vec<_> = table.matches().into_iter().filter(|one| one.length() >= length_min).collect();
        ctx.reply.map(2);
        ctx.reply.bulk(b"matches");
        ctx.reply.array(matches.len());
        for found in matches {
            ctx.reply.array(2 + usize::from(with_lengths));
            for range in [&found.one, &found.other] {
                ctx.reply.array(2);
                ctx.reply.count(*range.start());
                ctx.reply.count(*range.end());
            }
            if with_lengths {
                ctx.reply.count(found.length());
            }
        }
        ctx.reply.bulk(b"len");
        ctx.reply.count(table.length());
    } else {
        ctx.reply.bulk(&table.subsequence());
    }
    Ok(())
}

/// For each pair of prefixes the length of their longest common subsequence.
struct Table<'a> {
    one: &'a [u8],
    other: &'a [u8],
    lengths: Vec<u32>,
}

/// A stretch that both strings have.
struct Match {
    one: RangeInclusive<usize>,
    other: RangeInclusive<usize>,
}

impl Match {
    fn length(&self) -> usize {
        self.one.end() - self.one.start() + 1
    }
}

impl<'a> Table<'a> {
    fn new(one: &'a [u8], other: &'a [u8], bytes_max: usize) -> Result<Self> {
        let width = other.len() + 1;
        let cells = (one.len() + 1).checked_mul(width).filter(|cells| cells.saturating_mul(4) <= bytes_max);
        let cells =
            cells.ok_or(Error::new("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"))?;
        let mut table = Self { one, other, lengths: vec![0; cells] };
        for (i, left) in one.iter().enumerate() {
            for (j, right) in other.iter().enumerate() {
                let length = match left == right {
                    true => table.at(i, j) + 1,
                    false => table.at(i, j + 1).max(table.at(i + 1, j)),
                };
                if let Some(cell) = table.lengths.get_mut((i + 1) * width + j + 1) {
                    *cell = length;
                }
            }
        }
        Ok(table)
    }

    fn at(&self, i: usize, j: usize) -> u32 {
        self.lengths.get(i * (self.other.len() + 1) + j).copied().unwrap_or(0)
    }

    fn length(&self) -> usize {
        self.at(self.one.len(), self.other.len()) as usize
    }

    /// The places of both strings that the subsequence takes its bytes from, from the end.
    fn path(&self) -> Vec<(usize, usize, u8)> {
        let (mut i, mut j) = (self.one.len(), self.other.len());
        let mut path = Vec::with_capacity(self.length());
        while i > 0 && j > 0 {
            match (self.one.get(i - 1), self.other.get(j - 1)) {
                (Some(left), Some(right)) if left == right => {
                    path.push((i - 1, j - 1, *left));
                    i -= 1;
                    j -= 1;
                }
                _ if self.at(i - 1, j) > self.at(i, j - 1) => i -= 1,
                _ => j -= 1,
            }
        }
        path
    }

    fn subsequence(&self) -> Vec<u8> {
        self.path().into_iter().rev().map(|(_, _, byte)| byte).collect()
    }

    /// The stretches, the last one first, as Redis gives them.
    fn matches(&self) -> Vec<Match> {
        let mut matches: Vec<Match> = Vec::new();
        for (i, j, _) in self.path() {
            match matches.last_mut() {
                Some(last) if *last.one.start() == i + 1 && *last.other.start() == j + 1 => {
                    last.one = i..=*last.one.end();
                    last.other = j..=*last.other.end();
                }
                _ => matches.push(Match { one: i..=i, other: j..=j }),
            }
        }
        matches
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_subsequence_is_in_both_and_the_matches_spell_it(
            one in prop::collection::vec(b'a'..b'e', 0..20),
            other in prop::collection::vec(b'a'..b'e', 0..20),
        ) {
            let table = Table::new(&one, &other, usize::MAX).expect("no limit");
            let found = table.subsequence();
            prop_assert_eq!(found.len(), table.length());
            for text in [&one, &other] {
                let mut rest = text.iter();
                prop_assert!(found.iter().all(|byte| rest.any(|other| other == byte)), "{found:?} in {text:?}");
            }
            let spelt: Vec<u8> =
                table.matches().iter().rev().flat_map(|found| one[found.one.clone()].to_vec()).collect();
            prop_assert_eq!(spelt, found);
        }
    }
}
