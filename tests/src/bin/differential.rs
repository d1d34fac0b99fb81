//! `cargo xtask differential [--seed N] [--commands N] [--against IP:PORT] [--huge] [--all]`: the same random commands at
//! a real `redis-server` and at ours.

use std::env;
use std::process::ExitCode;

use sanderling_tests::differential::{Options, run};

const USAGE: &str = "\
usage: cargo xtask differential [--seed N] [--commands N] [--against server|IP:PORT] [--huge] [--all]
  --seed      where to begin; a seed that is reported as failing is repeated by it (1 is the default)
  --commands  how many, about (a million is the default)
  --against   ours: one that is started (server, the default), or one that runs already (it is emptied)
  --huge      values of half a gigabyte among them
  --all       go on after a difference, to a dozen kinds of them";

fn main() -> ExitCode {
    let options = match parse(env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("differential: {why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("differential: {error}");
            ExitCode::from(2)
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} wants a value"));
        let number = |text: String| text.replace('_', "").parse().map_err(|_| format!("{text:?} is no number"));
        match argument.as_str() {
            "--help" | "-h" => return Ok(None),
            "--huge" => options.huge = true,
            "--all" => options.goes_on = true,
            "--seed" => options.seed = number(value()?)?,
            "--commands" => options.commands = number(value()?)?,
            "--against" => match value()?.as_str() {
                "server" => options.against = None,
                address => options.against = Some(address.parse().map_err(|_| format!("{address:?} is no IP:PORT"))?),
            },
            other => return Err(format!("unknown argument {other:?}")),
        }
    }
    Ok(Some(options))
}
