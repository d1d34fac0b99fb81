//! LATENCY: what made the server stand still for a moment, and how long each command takes.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::help::reply_help;
use crate::{
    command::{Args, Command, Context, Flags, Group, Keys, table},
    error::{Error, Result},
    stats::{Histogram, LatencyEvent},
};

const ADMIN: Flags = Flags::ADMIN.and(Flags::NO_SCRIPT);

const fn row(name: &'static str, arity: i32, handler: crate::command::Handler) -> Command {
    Command::new(Group::Server, name, arity, ADMIN, Keys::None, handler).inside("latency")
}

/// The family's row.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::Server, "latency", -2, ADMIN, Keys::None, super::help::container)
        .doc("2.8.13", "Depends on subcommand", "", "A container for latency diagnostics commands.")
        .with(&[
            row("doctor", 2, doctor)
                .doc("2.8.13", "O(1)", "", "Returns a human-readable latency analysis report."),
            row("graph", 3, graph)
                .doc("2.8.13", "O(1)", "event", "Returns a latency graph for an event."),
            row("help", 2, reply_help)
                .doc("2.8.13", "O(1)", "", "Returns helpful text about the different subcommands."),
            row("histogram", -2, histogram)
                .doc("7.0.0", "O(N) where N is the number of commands with latency information being retrieved", "[command [command ...]]", "Returns the cumulative distribution of latencies of a subset or all commands."),
            row("history", 3, history)
                .doc("2.8.13", "O(1)", "event", "Returns timestamp-latency samples for an event."),
            row("latest", 2, latest)
                .doc("2.8.13", "O(1)", "", "Returns the latest latency samples for all events."),
            row("reset", -2, reset)
                .doc("2.8.13", "O(1)", "[event [event ...]]", "Resets the latency data for one or more events."),
        ]),
];

fn history(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let event = ctx.stats.meter.latency.event(args.word()?);
    let samples: Vec<_> = event.into_iter().flat_map(LatencyEvent::samples).collect();
    ctx.reply.array(samples.len());
    for (second, ms) in samples {
        ctx.reply.array(2);
        ctx.reply.integer(second as i64);
        ctx.reply.integer(ms as i64);
    }
    Ok(())
}

fn latest(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    let events = ctx.stats.meter.latency.events();
    let reply = &mut ctx.reply;
    reply.array(events.len());
    for (name, event) in events {
        let (second, ms) = event.last();
        reply.array(4);
        reply.bulk(name.as_bytes());
        reply.integer(second as i64);
        reply.integer(ms as i64);
        reply.integer(event.longest_ms as i64);
    }
    Ok(())
}

fn reset(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let count = ctx.stats.meter.latency.reset(args.rest());
    ctx.reply.count(count);
    Ok(())
}

fn doctor(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    let mut text = String::new();
    if ctx.config.measures.latency_nanos == u64::MAX {
        text += "Nothing is being watched: latency-monitor-threshold is 0.\n\
                 CONFIG SET latency-monitor-threshold <milliseconds> notes whatever takes at least that long.\n";
    } else if ctx.stats.meter.latency.events().len() == 0 {
        text += "Nothing took longer than latency-monitor-threshold says.\n";
    }
    for (name, event) in ctx.stats.meter.latency.events() {
        let count = event.samples().len().max(1) as u64;
        let mean = event.samples().map(|(_, ms)| ms).sum::<u64>() / count;
        text += &format!("{name}: {count} times, {mean} ms on average, {} ms at most.\n", event.longest_ms);
        text += match name {
            "expire-cycle" => "  Many keys, or large ones, had the same deadline: let deadlines differ.\n",
            _ => "  SLOWLOG GET shows the calls, if slowlog-log-slower-than is low enough.\n",
        };
    }
    ctx.reply.verbatim(&text);
    Ok(())
}

fn graph(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let name = args.word()?;
    let Some(event) = ctx.stats.meter.latency.event(name) else {
        let name = String::from_utf8_lossy(name);
        return Err(Error::owned(format!("ERR No samples available for event '{name}'")));
    };
    let now = ctx.data.now().0 / 1000;
    let shown = event.samples().len().saturating_sub(COLUMNS);
    let samples: Vec<_> = event.samples().skip(shown).collect();
    let durations = samples.iter().map(|(_, ms)| *ms);
    let (low, high) = (durations.clone().min().unwrap_or(0), durations.max().unwrap_or(0));
    let mut text =
        format!("{} - high {high} ms, low {low} ms (all time high {} ms)\n", shown_name(name), event.longest_ms);
    text += &"-".repeat(80);
    text += "\n";
    for line in (1..=LINES).rev() {
        for (_, ms) in &samples {
            let height = 1 + (ms - low) * (LINES - 1) / (high - low).max(1);
            text.push(if height >= line { '#' } else { ' ' });
        }
        text += "\n";
    }
    // How long ago each was, from top to bottom.
    let ages: Vec<String> = samples.iter().map(|(second, _)| age(now.saturating_sub(*second))).collect();
    for line in 0..ages.iter().map(String::len).max().unwrap_or(0) {
        text += "\n";
        text.extend(ages.iter().map(|age| age.as_bytes().get(line).map_or(' ', |byte| char::from(*byte))));
    }
    text += "\n";
    ctx.reply.verbatim(&text);
    Ok(())
}

/// Samples that a graph shows, and lines that the longest of them takes.
const COLUMNS: usize = 80;
const LINES: u64 = 4;

fn shown_name(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

/// Seconds in the largest unit of which there is one.
fn age(seconds: u64) -> String {
    let units = [(86_400, 'd'), (3600, 'h'), (60, 'm'), (1, 's')];
    let found = units.into_iter().find(|(size, _)| seconds >= *size).unwrap_or((1, 's'));
    format!("{}{}", seconds / found.0, found.1)
}

fn histogram(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let rows: Vec<&Command> = match args.is_empty() {
        true => table::with_subcommands().collect(),
        false => args.rest().iter().flat_map(|name| named(name)).collect(),
    };
    let calls = &ctx.stats.meter.calls;
    let measured = rows.into_iter().filter_map(|row| {
        let histogram = calls.of(table::number_of(row))?.histogram.as_deref()?;
        Some((row.full_name().to_string(), histogram))
    });
    let measured: Vec<(String, &Histogram)> = measured.collect();
    let reply = &mut ctx.reply;
    reply.map(measured.len());
    for (name, histogram) in measured {
        reply.bulk(name.as_bytes());
        reply.map(2);
        reply.bulk(b"calls");
        reply.integer(histogram.total() as i64);
        reply.bulk(b"histogram_usec");
        let steps: Vec<_> = histogram.steps().collect();
        reply.map(steps.len());
        for (micros, count) in steps {
            reply.integer(micros as i64);
            reply.integer(count as i64);
        }
    }
    Ok(())
}

/// The rows that a name means: of a container, those of its subcommands too.
fn named(name: &[u8]) -> Vec<&'static Command> {
    let mut parts = name.splitn(2, |byte| *byte == b'|');
    let Some(row) = parts.next().and_then(table::find) else { return Vec::new() };
    match parts.next() {
        None => core::iter::once(row).chain(row.subcommands).collect(),
        Some(inner) => row.subcommand(inner).into_iter().collect(),
    }
}
