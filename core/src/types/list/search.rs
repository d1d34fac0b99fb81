//! LPOS: where an element stands in a list.

use alloc::vec::Vec;

use super::List;
use crate::{
    command::{Args, Command, Context, Flags, Group, Keys},
    error::{Error, Result},
    num,
};

/// The row of `LPOS`.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::List, "lpos", -3, Flags::READ, Keys::FIRST, lpos)
        .doc("6.0.6", "O(N) where N is the number of elements in the list, for the average case", "key element [RANK rank] [COUNT num-matches] [MAXLEN len]", "Returns the index of matching elements in a list."),
];

/// What `LPOS` may be told besides key and element.
struct Options {
    /// The first match that counts, from 1; negative from the tail.
    rank: i64,
    /// How many matches to answer, 0 for all; one that is no array if `None`.
    count: Option<usize>,
    /// How many elements to look at, 0 for all.
    len_max: usize,
}

impl Options {
    fn read(args: &mut Args<'_>) -> Result<Self> {
        let mut options = Self { rank: 1, count: None, len_max: 0 };
        while !args.is_empty() {
            if args.take_if("RANK") {
                options.rank = read_rank(args)?;
            } else if args.take_if("COUNT") {
                options.count = Some(read_size(args, Error::new("ERR COUNT can't be negative"))?);
            } else if args.take_if("MAXLEN") {
                options.len_max = read_size(args, Error::new("ERR MAXLEN can't be negative"))?;
            } else {
                return Err(Error::SYNTAX);
            }
        }
        Ok(options)
    }
}

fn read_rank(args: &mut Args<'_>) -> Result<i64> {
    match args.integer()? {
        0 => Err(Error::new(
            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
        )),
        i64::MIN => Err(Error::NO_OPPOSITE),
        rank => Ok(rank),
    }
}

fn read_size(args: &mut Args<'_>, error: Error) -> Result<usize> {
    num::parse_i64(args.word()?).and_then(|size| usize::try_from(size).ok()).ok_or(error)
}

fn lpos(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, element) = (args.word()?, args.word()?);
    let options = Options::read(args)?;
    let found = ctx.data.get::<List>(key)?.map(|list| find(list, element, &options)).unwrap_or_default();
    match options.count {
        Some(_) => {
            ctx.reply.array(found.len());
            found.into_iter().for_each(|index| ctx.reply.count(index));
        }
        None => match found.first() {
            Some(index) => ctx.reply.count(*index),
            None => ctx.reply.null(),
        },
    }
    Ok(())
}

fn find(list: &List, element: &[u8], options: &Options) -> Vec<usize> {
    let unlimited = |bound: usize| if bound == 0 { usize::MAX } else { bound };
    let skipped = usize::try_from(options.rank.unsigned_abs() - 1).unwrap_or(usize::MAX);
    let count = options.count.map_or(1, unlimited);
    let is_match = |(_, other): &(usize, &[u8])| *other == element;
    let elements = list.iter().enumerate();
    let len_max = unlimited(options.len_max);
    if options.rank > 0 {
        elements.take(len_max).filter(is_match).skip(skipped).take(count).map(|(index, _)| index).collect()
    } else {
        elements.rev().take(len_max).filter(is_match).skip(skipped).take(count).map(|(index, _)| index).collect()
    }
}
