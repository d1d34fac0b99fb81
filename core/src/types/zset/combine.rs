//! Unions, intersections and differences of sorted sets. A plain set takes part as if every score were 1.

use alloc::{collections::BTreeMap, vec::Vec};

use super::{ZSet, query::reply_members, ranges::store};
use crate::{
    blob::Blob,
    command::{Access, Args, Command, Context, Data, Flags, Group, Handler, Keys},
    error::{Error, Result},
    keyspace::Value,
    num, order,
    types::set::Set,
};

const COUNTED: Keys = Keys::Counted { at: 1 };
const GROW: Flags = Flags::WRITE.and(Flags::DENYOOM);
const DIFF_COST: &str = "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the size of the first set, and K is the size of the result set";
const INTER_COST: &str = "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of input sorted sets and M being the number of elements in the resulting sorted set";
const UNION_COST: &str = "O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of elements in the resulting sorted set";

const fn row(name: &'static str, arity: i32, flags: Flags, keys: Keys, handler: Handler) -> Command {
    Command::new(Group::SortedSet, name, arity, flags, keys, handler)
}

/// The rows of commands on several sorted sets.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    row("zdiff", -3, Flags::READ, COUNTED, |ctx, args| read(ctx, args, Operation::Diff, "zdiff"))
        .doc("6.2.0", DIFF_COST, "numkeys key [key ...] [WITHSCORES]", "Returns the difference between multiple sorted sets."),
    row("zdiffstore", -4, GROW, Keys::DestinationCounted, |ctx, args| write(ctx, args, Operation::Diff, "zdiffstore"))
        .doc("6.2.0", DIFF_COST, "destination numkeys key [key ...]", "Stores the difference of multiple sorted sets in a key.").accessing(Access::FirstFromRest),
    row("zinter", -3, Flags::READ, COUNTED, |ctx, args| read(ctx, args, Operation::Inter, "zinter"))
        .doc("6.2.0", INTER_COST, "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX] [WITHSCORES]", "Returns the intersect of multiple sorted sets."),
    row("zintercard", -3, Flags::READ, COUNTED, zintercard)
        .doc("7.0.0", "O(N*K) worst case with N being the smallest input sorted set, K being the number of input sorted sets", "numkeys key [key ...] [LIMIT limit]", "Returns the number of members of the intersect of multiple sorted sets."),
    row("zinterstore", -4, GROW, Keys::DestinationCounted, |ctx, args| write(ctx, args, Operation::Inter, "zinterstore"))
        .doc("2.0.0", INTER_COST, "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX]", "Stores the intersect of multiple sorted sets in a key.").accessing(Access::FirstFromRest),
    row("zunion", -3, Flags::READ, COUNTED, |ctx, args| read(ctx, args, Operation::Union, "zunion"))
        .doc("6.2.0", UNION_COST, "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX] [WITHSCORES]", "Returns the union of multiple sorted sets."),
    row("zunionstore", -4, GROW, Keys::DestinationCounted, |ctx, args| write(ctx, args, Operation::Union, "zunionstore"))
        .doc("2.0.0", UNION_COST, "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX]", "Stores the union of multiple sorted sets in a key.").accessing(Access::FirstFromRest),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Union,
    Inter,
    Diff,
}

/// How the scores of a member in several sets become one.
#[derive(Clone, Copy)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn join(self, score: f64, other: f64) -> f64 {
        match self {
            // Infinities of both signs cancel out.
            Self::Sum => zero_if_nan(score + other),
            Self::Min if other < score => other,
            Self::Max if other > score => other,
            Self::Min | Self::Max => score,
        }
    }
}

/// What may be told besides the keys.
struct Options {
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
}

impl Options {
    fn read(args: &mut Args<'_>, operation: Operation, keys: usize, is_store: bool) -> Result<Self> {
        let mut options = Self { weights: alloc::vec![1.0; keys], aggregate: Aggregate::Sum, with_scores: false };
        let is_weighted = operation != Operation::Diff;
        while !args.is_empty() {
            if is_weighted && args.len() > keys && args.take_if("WEIGHTS") {
                let weights = args.words(keys)?.iter().map(|weight| num::parse_f64(weight));
                options.weights = weights.collect::<Option<_>>().ok_or(WEIGHT_NOT_A_FLOAT)?;
            } else if is_weighted && args.len() > 1 && args.take_if("AGGREGATE") {
                options.aggregate = read_aggregate(args)?;
            } else if !is_store && args.take_if("WITHSCORES") {
                options.with_scores = true;
            } else {
                return Err(Error::SYNTAX);
            }
        }
        Ok(options)
    }
}

fn read_aggregate(args: &mut Args<'_>) -> Result<Aggregate> {
    if args.take_if("SUM") {
        Ok(Aggregate::Sum)
    } else if args.take_if("MIN") {
        Ok(Aggregate::Min)
    } else if args.take_if("MAX") {
        Ok(Aggregate::Max)
    } else {
        Err(Error::SYNTAX)
    }
}

fn read(ctx: &mut Context<'_>, args: &mut Args<'_>, operation: Operation, name: &str) -> Result<()> {
    let keys = read_keys(args, name)?;
    let sources = find_sources(&mut ctx.data, keys)?;
    let options = Options::read(args, operation, keys.len(), false)?;
    let result = combine(operation, &sources, &options);
    reply_members(&mut ctx.reply, result.iter().map(|(score, member)| (&**member, *score)), options.with_scores);
    Ok(())
}

fn write(ctx: &mut Context<'_>, args: &mut Args<'_>, operation: Operation, name: &str) -> Result<()> {
    let destination = args.word()?;
    let keys = read_keys(args, name)?;
    let sources = find_sources(&mut ctx.data, keys)?;
    let options = Options::read(args, operation, keys.len(), true)?;
    let result = combine(operation, &sources, &options);
    // The destination may be one of the sources: what goes there is copied before it changes.
    let members = result.into_iter().map(|(score, member)| (score, member.into_owned())).collect();
    store(ctx, destination, members);
    Ok(())
}

fn zintercard(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let keys = read_keys(args, "zintercard")?;
    let sources = find_sources(&mut ctx.data, keys)?;
    let mut limit = 0;
    while !args.is_empty() {
        if args.len() < 2 || !args.take_if("LIMIT") {
            return Err(Error::SYNTAX);
        }
        let given = num::parse_i64(args.word()?).and_then(|limit| usize::try_from(limit).ok());
        limit = given.ok_or(Error::new("ERR LIMIT can't be negative"))?;
    }
    let limit = if limit == 0 { usize::MAX } else { limit };
    let mut count = 0;
    if let Some((smallest, others)) = by_size(&sources).split_first() {
        smallest.each(|member, _| {
            let is_counted = count < limit && others.iter().all(|source| source.score(&member).is_some());
            count += usize::from(is_counted);
        });
    }
    ctx.reply.count(count);
    Ok(())
}

fn read_keys<'a>(args: &mut Args<'a>, name: &str) -> Result<&'a [&'a [u8]]> {
    let count = args.integer()?;
    if count < 1 {
        return Err(Error::owned(alloc::format!("ERR at least 1 input key is needed for '{name}' command")));
    }
    args.words(usize::try_from(count).unwrap_or(usize::MAX))
}

/// One of the sets that take part.
#[derive(Clone, Copy)]
enum Source<'a> {
    Absent,
    Set(&'a Set),
    ZSet(&'a ZSet),
}

impl<'a> Source<'a> {
    fn len(self) -> usize {
        match self {
            Self::Absent => 0,
            Self::Set(set) => set.len(),
            Self::ZSet(set) => set.len(),
        }
    }

    fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            Self::Absent => None,
            Self::Set(set) => set.contains(member).then_some(1.0),
            Self::ZSet(set) => set.score(member),
        }
    }

    fn each(self, mut visit: impl FnMut(Blob<'a>, f64)) {
        match self {
            Self::Absent => {}
            Self::Set(set) => set.iter().for_each(|member| visit(member.into(), 1.0)),
            Self::ZSet(set) => set.iter().for_each(|(member, score)| visit(member.into(), score)),
        }
    }
}

fn find_sources<'a>(data: &'a mut Data<'_>, keys: &[&[u8]]) -> Result<Vec<Source<'a>>> {
    keys.iter().for_each(|key| data.settle(key));
    let data = &*data;
    let source = |key: &&[u8]| match data.peek(key).map(|entry| entry.value) {
        None => Ok(Source::Absent),
        Some(Value::Set(set)) => Ok(Source::Set(set)),
        Some(Value::ZSet(set)) => Ok(Source::ZSet(set)),
        Some(_) => Err(Error::WRONG_TYPE),
    };
    keys.iter().map(source).collect()
}

/// Returns the members of the result with their scores, lowest first. Cost: O(n log n) in what is read.
fn combine<'a>(operation: Operation, sources: &[Source<'a>], options: &Options) -> Vec<(f64, Blob<'a>)> {
    let mut result = match operation {
        Operation::Union => unite(sources, options),
        Operation::Inter => intersect(sources, options),
        Operation::Diff => subtract(sources),
    };
    order::sort_by(&mut result, |(score, member), (other, other_member)| {
        score.partial_cmp(other).unwrap_or(core::cmp::Ordering::Equal).then_with(|| member.cmp(other_member))
    });
    result
}

fn unite<'a>(sources: &[Source<'a>], options: &Options) -> Vec<(f64, Blob<'a>)> {
    let mut scores = BTreeMap::new();
    for (source, weight) in by_size_with_weights(sources, options) {
        source.each(|member, score| {
            let score = zero_if_nan(weight * score);
            scores.entry(member).and_modify(|sum| *sum = options.aggregate.join(*sum, score)).or_insert(score);
        });
    }
    scores.into_iter().map(|(member, score)| (score, member)).collect()
}

fn intersect<'a>(sources: &[Source<'a>], options: &Options) -> Vec<(f64, Blob<'a>)> {
    let mut result = Vec::new();
    let sources = by_size_with_weights(sources, options);
    let Some(((smallest, weight), others)) = sources.split_first() else { return result };
    smallest.each(|member, score| {
        let joined = others.iter().try_fold(zero_if_nan(weight * score), |sum, (source, weight)| {
            Some(options.aggregate.join(sum, weight * source.score(&member)?))
        });
        result.extend(joined.map(|score| (score, member)));
    });
    result
}

fn subtract<'a>(sources: &[Source<'a>]) -> Vec<(f64, Blob<'a>)> {
    let mut result = Vec::new();
    let Some((first, others)) = sources.split_first() else { return result };
    first.each(|member, score| {
        if others.iter().all(|source| source.score(&member).is_none()) {
            result.push((score, member));
        }
    });
    result
}

/// Returns the sources from the smallest to the largest, each with its weight.
///
/// Redis goes through them in this order, on which the last bits of a sum depend.
fn by_size_with_weights<'a>(sources: &[Source<'a>], options: &Options) -> Vec<(Source<'a>, f64)> {
    let mut sources: Vec<_> = sources.iter().copied().zip(options.weights.iter().copied()).collect();
    order::sort_by(&mut sources, |(one, _), (other, _)| one.len().cmp(&other.len()));
    sources
}

fn by_size<'a>(sources: &[Source<'a>]) -> Vec<Source<'a>> {
    let mut sources = sources.to_vec();
    order::sort_by(&mut sources, |one, other| one.len().cmp(&other.len()));
    sources
}

fn zero_if_nan(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

const WEIGHT_NOT_A_FLOAT: Error = Error::new("ERR weight value is not a float");
