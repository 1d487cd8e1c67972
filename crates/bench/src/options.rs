//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use crate::Result;

pub(crate) const USAGE: &str = "\
campanile-bench --binary PATH [options]

  --binary PATH     the release server to measure
  --seconds N       how long each measure lasts (default 10)
  --pile N          how many triggers the drain piles up (default 20000)
  --crowd N         how many members the largest topic has (default 100000)
  --only ENGINE     sqlite or postgres (default both)
  --dir PATH        where data goes; must be a real disk (default the temporary directory)
  --write FILE      put the table into this document, between its markers

example: campanile-bench --binary target/release/campanile --write docs/benchmarks.md";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) binary: PathBuf,
    pub(crate) seconds: Duration,
    pub(crate) pile: usize,
    pub(crate) crowd: usize,
    pub(crate) only: Option<Engine>,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) write: Option<PathBuf>,
}

impl Options {
    /// `None` when help was asked for.
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Option<Self>> {
        let mut binary = None;
        let mut options = Self {
            binary: PathBuf::new(),
            seconds: Duration::from_secs(10),
            pile: 20_000,
            crowd: 100_000,
            only: None,
            directory: None,
            write: None,
        };
        while let Some(flag) = args.next() {
            if flag == "--help" || flag == "-h" {
                return Ok(None);
            }
            let mut value = || args.next().ok_or_else(|| format!("{flag} needs a value"));
            match flag.as_str() {
                "--binary" => binary = Some(PathBuf::from(value()?)),
                "--seconds" => options.seconds = Duration::from_secs(positive(&flag, &value()?)?),
                "--pile" => {
                    options.pile = usize::try_from(positive(&flag, &value()?)?).expect("64-bit sizes");
                }
                "--crowd" => {
                    options.crowd = usize::try_from(positive(&flag, &value()?)?).expect("64-bit sizes");
                }
                "--only" => {
                    options.only = Some(match value()?.as_str() {
                        "sqlite" => Engine::Sqlite,
                        "postgres" => Engine::Postgres,
                        other => return Err(format!("--only is sqlite or postgres, not {other}")),
                    });
                }
                "--dir" => options.directory = Some(PathBuf::from(value()?)),
                "--write" => options.write = Some(PathBuf::from(value()?)),
                other => return Err(format!("unknown option {other}")),
            }
        }
        let binary = binary.ok_or("--binary is required: the path of the release server")?;
        // Children run in directories of their own, where a relative path would mean something else.
        options.binary = binary.canonicalize().map_err(|e| {
            format!(
                "no server at {}: {e}; build it with cargo build --release",
                binary.display()
            )
        })?;
        Ok(Some(options))
    }

    pub(crate) fn wants(&self, engine: Engine) -> bool {
        self.only.is_none_or(|only| only == engine)
    }
}

fn positive(flag: &str, value: &str) -> Result<u64> {
    match value.parse() {
        Ok(0) | Err(_) => Err(format!("{flag} needs a whole number above 0, not {value}")),
        Ok(number) => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Option<Options>> {
        Options::parse(args.iter().map(ToString::to_string))
    }

    #[test]
    fn a_wrong_command_line_is_refused_with_a_sentence() {
        for (args, part) in [
            (&[][..], "--binary is required"),
            (&["--binary"], "needs a value"),
            (&["--binary", "/nowhere/at/all"], "no server at"),
            (&["--seconds", "0"], "above 0"),
            (&["--only", "mysql"], "sqlite or postgres"),
            (&["--fast"], "unknown option"),
        ] {
            let error = parse(args).unwrap_err();
            assert!(error.contains(part), "{args:?} gave {error}");
        }
    }

    #[test]
    fn both_engines_are_measured_unless_one_is_named() {
        let both = parse(&["--binary", "/"]).unwrap().unwrap();
        assert!(both.wants(Engine::Sqlite) && both.wants(Engine::Postgres));
        let one = parse(&["--binary", "/", "--only", "postgres"]).unwrap().unwrap();
        assert!(!one.wants(Engine::Sqlite) && one.wants(Engine::Postgres));
    }
}
