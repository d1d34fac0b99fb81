//! MEMORY STATS and DOCTOR: where the memory went, as far as it is counted.

use alloc::{format, string::String, vec::Vec};

use crate::{
    command::{Args, Context},
    error::Result,
    families::info::Usage,
    keyspace::RECORD_OVERHEAD_BYTES,
    limits::DATABASES,
};

/// What stands in a line of MEMORY STATS.
enum Figure {
    Count(i64),
    Ratio(f64),
}

pub(super) fn stats(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    ctx.note_memory();
    let usage = Usage::of(ctx);
    let count = |bytes: usize| Figure::Count(i64::try_from(bytes).unwrap_or(i64::MAX));
    let percent = |part: usize, of: usize| Figure::Ratio(part as f64 * 100.0 / of.max(1) as f64);
    let lines = [
        ("peak.allocated", count(usage.peak)),
        ("total.allocated", count(usage.used)),
        ("startup.allocated", count(0)),
        ("replication.backlog", count(usage.backlog)),
        ("clients.slaves", count(0)),
        ("clients.normal", count(usage.clients)),
        ("cluster.links", count(0)),
        ("aof.buffer", count(0)),
        ("lua.caches", count(usage.scripts)),
        ("functions.caches", count(usage.functions)),
    ];
    let rest = [
        ("overhead.total", count(usage.used - usage.dataset)),
        ("keys.count", count(usage.keys)),
        ("keys.bytes-per-key", count(usage.dataset / usage.keys.max(1))),
        ("dataset.bytes", count(usage.dataset)),
        ("dataset.percentage", percent(usage.dataset, usage.used)),
        ("peak.percentage", percent(usage.used, usage.peak)),
        ("allocator.allocated", count(usage.used)),
        ("allocator.active", count(usage.resident)),
        ("allocator.resident", count(usage.resident)),
        ("allocator-fragmentation.ratio", Figure::Ratio(usage.fragmentation())),
        ("allocator-fragmentation.bytes", Figure::Count(usage.fragmentation_bytes())),
        ("allocator-rss.ratio", Figure::Ratio(1.0)),
        ("allocator-rss.bytes", count(0)),
        ("rss-overhead.ratio", Figure::Ratio(1.0)),
        ("rss-overhead.bytes", count(0)),
        ("fragmentation", Figure::Ratio(usage.fragmentation())),
        ("fragmentation.bytes", Figure::Count(usage.fragmentation_bytes())),
    ];
    let databases: Vec<(u8, usize, usize)> = (0..DATABASES)
        .map(|index| (index, ctx.data.keyspace.db(index)))
        .filter(|(_, db)| !db.is_empty())
        .map(|(index, db)| (index, db.len() * RECORD_OVERHEAD_BYTES, db.volatile_len() * DEADLINE_BYTES))
        .collect();
    ctx.reply.map(lines.len() + databases.len() + rest.len());
    lines.into_iter().for_each(|line| write(ctx, line));
    for (index, main, expires) in databases {
        ctx.reply.bulk(format!("db.{index}").as_bytes());
        let tables = [
            ("overhead.hashtable.main", main),
            ("overhead.hashtable.expires", expires),
            ("overhead.hashtable.slot-to-keys", 0),
        ];
        ctx.reply.map(tables.len());
        tables.into_iter().for_each(|(name, bytes)| write(ctx, (name, count(bytes))));
    }
    rest.into_iter().for_each(|line| write(ctx, line));
    Ok(())
}

fn write(ctx: &mut Context<'_>, (name, figure): (&str, Figure)) {
    ctx.reply.bulk(name.as_bytes());
    match figure {
        Figure::Count(count) => ctx.reply.integer(count),
        Figure::Ratio(ratio) => ctx.reply.double(ratio),
    }
}

/// Says what stands out. The bounds are those at which Redis's own doctor speaks up.
pub(super) fn doctor(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    ctx.note_memory();
    let usage = Usage::of(ctx);
    let mut text = String::new();
    if usage.used < SMALL_BYTES {
        ctx.reply.verbatim("There is too little in memory for anything to stand out.\n");
        return Ok(());
    }
    if usage.peak as f64 / usage.used as f64 > 1.5 {
        text += "* Peak: more than one and a half times as much was in use once as is now. The process may keep some of that, \
                 for what comes.\n";
    }
    if usage.fragmentation() > 1.4 && usage.fragmentation_bytes() > FRAGMENTED_BYTES {
        text += &format!(
            "* Fragmentation: the process has {:.2} times as much memory as is counted. Much was freed that can't be given \
             back, or values are of very different lengths.\n",
            usage.fragmentation()
        );
    }
    let sessions = ctx.sessions.len().max(1);
    if usage.clients / sessions > CLIENT_BYTES {
        text += "* Clients: replies of more than 200 kB wait for each to be read. CLIENT LIST shows by whom (omem).\n";
    }
    if usage.scripts + usage.functions > SCRIPT_BYTES {
        text += "* Scripts: they hold much. SCRIPT FLUSH forgets them; scripts with arguments are few, those with values in \
                 their text are many.\n";
    }
    ctx.reply.verbatim(if text.is_empty() { "Nothing stands out.\n" } else { &text });
    Ok(())
}

/// Answers as a Redis does whose allocator tells nothing.
pub(super) fn malloc_stats(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    ctx.reply.bulk(b"Stats not supported for the current allocator");
    Ok(())
}

const SMALL_BYTES: usize = 5 << 20;
const FRAGMENTED_BYTES: i64 = 10 << 20;
const CLIENT_BYTES: usize = 200 << 10;
const SCRIPT_BYTES: usize = 32 << 20;
/// What the index of deadlines takes for one.
const DEADLINE_BYTES: usize = 8;
