//! What INFO tells of each command: how often it was called, how long it took; and of errors.

use alloc::{format, vec::Vec};

use super::Line;
use crate::{
    command::{Context, table},
    num,
};

pub(super) fn errorstats(ctx: &Context<'_>) -> Vec<Line> {
    let errors = &ctx.stats.errors_by_code;
    errors.iter().map(|(code, count)| (format!("errorstat_{code}").into(), format!("count={count}"))).collect()
}

pub(super) fn commandstats(ctx: &Context<'_>) -> Vec<Line> {
    let rows = table::with_subcommands().enumerate();
    let counted = rows.filter_map(|(number, row)| Some((row, ctx.stats.meter.calls.of(number)?)));
    let lines = counted.map(|(row, counts)| {
        let micros = counts.nanos / 1000;
        let each = counts.nanos as f64 / 1000.0 / counts.calls.max(1) as f64;
        let text = format!(
            "calls={},usec={micros},usec_per_call={each:.2},rejected_calls={},failed_calls={}",
            counts.calls, counts.rejected, counts.failed
        );
        (format!("cmdstat_{}", row.full_name()).into(), text)
    });
    lines.collect()
}

pub(super) fn latencystats(ctx: &Context<'_>) -> Vec<Line> {
    if !ctx.config.measures.histograms {
        return Vec::new();
    }
    let percents = ctx.config.value("latency-tracking-info-percentiles").unwrap_or_default();
    let percents: Vec<&str> = percents.split_ascii_whitespace().collect();
    let rows = table::with_subcommands().enumerate();
    let measured =
        rows.filter_map(|(number, row)| Some((row, ctx.stats.meter.calls.of(number)?.histogram.as_deref()?)));
    let lines = measured.map(|(row, histogram)| {
        let shown = percents.iter().map(|percent| {
            let nanos = histogram.percentile(num::parse_f64(percent.as_bytes()).unwrap_or(0.0));
            format!("p{percent}={:.3}", nanos as f64 / 1000.0)
        });
        let text = shown.collect::<Vec<_>>().join(",");
        (format!("latency_percentiles_usec_{}", row.full_name()).into(), text)
    });
    lines.collect()
}
