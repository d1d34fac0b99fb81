//! `cargo xtask bench`: our server beside Debian's redis-server, in one run on one machine, because only ratios taken
//! together count.
//!
//! redis-benchmark loads each in turn, the runs interleaved. Beside the requests a second stands the server's own
//! processor time per request, which noise on the machine moves least.

mod servers;

use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::shell::{self, command, timed};
use crate::{build, need, suites};
use servers::Running;

/// Measures both servers and prints a table.
///
/// # Errors
/// When something is missing, or a server does not start or answer.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let requests: u32 = match arguments {
        [load, rest @ ..] if load == "load" => return suites::load(rest),
        [] => REQUESTS,
        [flag, count] if flag == "--requests" => count.parse().context("--requests wants a number")?,
        _ => bail!("usage: cargo xtask bench [--requests N | load [--replicas N] [--keys N]]"),
    };
    need::programs(&[("redis-server", "redis-server"), ("redis-benchmark", "redis-tools")])?;
    let binary = build::server("release")?;
    let servers = [Running::redis()?, Running::sanderling(&binary)?];
    for server in &servers {
        timed(&format!("fill {} with {KEYS} keys", server.name), || fill(server))?;
    }
    println!("\nthousand requests a second (µs of the server's processor time per request), medians of {ROUNDS}");
    println!("{:<12} {:>5} {:>20} {:>20} {:>8}", "", "-P", servers[0].name, servers[1].name, "ratio");
    for pipeline in PIPELINES {
        for test in TESTS {
            let medians = measure(&servers, test, pipeline, requests)?;
            let ratio = medians[1].per_second / medians[0].per_second;
            println!(
                "{test:<12} {pipeline:>5} {:>20} {:>20} {ratio:>8.2}",
                medians[0].to_string(),
                medians[1].to_string()
            );
        }
    }
    Ok(())
}

/// What one test made of one server.
#[derive(Clone, Copy, Debug)]
struct Sample {
    per_second: f64,
    cpu_us: f64,
}

impl std::fmt::Display for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1} ({:.2})", self.per_second / 1_000.0, self.cpu_us)
    }
}

fn measure(servers: &[Running; 2], test: &str, pipeline: u32, requests: u32) -> Result<[Sample; 2]> {
    let mut samples = [const { Vec::new() }; 2];
    for _ in 0..ROUNDS {
        for (server, samples) in servers.iter().zip(&mut samples) {
            samples.push(sample(server, test, pipeline, requests)?);
        }
    }
    Ok(samples.map(|samples| median(&samples)))
}

fn sample(server: &Running, test: &str, pipeline: u32, requests: u32) -> Result<Sample> {
    // What is not pipelined is bound by the kernel, and a tenth of the requests says as much.
    let requests = if pipeline == 1 { requests / 10 } else { requests };
    let before = server.cpu_us()?;
    let csv = benchmark(server, test, pipeline, requests)?;
    let cpu_us = (server.cpu_us()? - before) / f64::from(requests);
    Ok(Sample { per_second: per_second(&csv).with_context(|| format!("no result in: {csv}"))?, cpu_us })
}

fn fill(server: &Running) -> Result<()> {
    benchmark(server, "set", 16, KEYS).map(drop)
}

fn benchmark(server: &Running, test: &str, pipeline: u32, requests: u32) -> Result<String> {
    let mut benchmark = command("redis-benchmark");
    benchmark.args(["--csv", "-c", "50", "-d", "32", "-t", test]).args(["-r", &KEYS.to_string()]);
    benchmark.args(["-p", &server.port.to_string(), "-P", &pipeline.to_string(), "-n", &requests.to_string()]);
    shell::read(benchmark.stderr(Stdio::null()))
}

/// Reads the requests a second from redis-benchmark's `"SET","462000.00",…`, the last such line that it printed.
fn per_second(csv: &str) -> Option<f64> {
    csv.lines().rev().find_map(|line| line.split(',').nth(1)?.trim_matches('"').parse().ok())
}

fn median(samples: &[Sample]) -> Sample {
    let middle = |value: fn(&Sample) -> f64| {
        let mut values: Vec<f64> = samples.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    };
    Sample { per_second: middle(|sample| sample.per_second), cpu_us: middle(|sample| sample.cpu_us) }
}

const TESTS: [&str; 8] = ["set", "get", "incr", "lpush", "lpop", "sadd", "hset", "zadd"];
const PIPELINES: [u32; 2] = [1, 16];
const KEYS: u32 = 1_000_000;
const REQUESTS: u32 = 1_000_000;
const ROUNDS: usize = 3;

#[cfg(test)]
mod tests {
    use super::{Sample, median, per_second};

    #[test]
    fn the_rate_is_read_from_the_csv() {
        let csv = "\"test\",\"rps\",\"avg_latency_ms\"\n\"SET\",\"94250.71\",\"0.27\"";
        assert_eq!(per_second(csv), Some(94250.71));
        assert_eq!(per_second("\"test\",\"rps\""), None);
    }

    #[test]
    fn the_median_is_taken_of_each_figure() {
        let samples = [(1.0, 9.0), (3.0, 7.0), (2.0, 8.0)].map(|(per_second, cpu_us)| Sample { per_second, cpu_us });
        let median = median(&samples);
        assert_eq!((median.per_second, median.cpu_us), (2.0, 8.0));
    }
}
