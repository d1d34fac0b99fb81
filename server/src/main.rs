//! The binary: reads the configuration, sets up logging, and serves until it is told to stop.

use std::fs::OpenOptions;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Mutex;

use anyhow::Context;
use sanderling::config::{self, Config, Task};
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    // A broken invariant stops the server: it must not go on serving, and logging, what it can't vouch for.
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::abort();
    }));
    let outcome = config::from_arguments().and_then(|task| match task {
        Task::Serve(config) => serve(*config),
        Task::Token(mint) => mint.run().map(|token| println!("{token}")),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sanderling: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(config: Config) -> anyhow::Result<()> {
    let redis = config.redis.clone().unwrap_or_default();
    let level = redis.loglevel.unwrap_or("info");
    let filter = EnvFilter::try_from_env("SANDERLING_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let log = tracing_subscriber::fmt().with_env_filter(filter);
    match &redis.logfile {
        Some(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path);
            let file = file.with_context(|| format!("cannot write to the log file {}", path.display()))?;
            log.with_writer(Mutex::new(file)).with_ansi(false).init();
        }
        // Where redis-server logs to.
        None if config.redis.is_some() => log.with_ansi(std::io::stdout().is_terminal()).init(),
        None => log.with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal()).init(),
    }
    redis.warnings.iter().for_each(|warning| warn!("{warning}"));
    if config.redis.is_some() {
        info!("sanderling {} starts, PID: {}", env!("CARGO_PKG_VERSION"), std::process::id());
    }
    sanderling::run(config, sanderling::stop_signal)
}
