//! The binary: reads the configuration, sets up logging, and serves until it is told to stop.

use std::io::IsTerminal;
use std::process::ExitCode;

use sanderling::config::{self, Config, Task};
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
    let filter = EnvFilter::try_from_env("SANDERLING_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
    sanderling::run(config, sanderling::stop_signal)
}
