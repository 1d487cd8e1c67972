//! `docs/configuration.md`, written from the table of settings.

use super::file::toml_example;
use super::settings::{Fallback, Kind, SETTINGS, Secrecy, Setting};

const HEAD: &str = "\
# Configuration

<!-- Written by `campanile settings`; change campanile/src/config/settings.rs instead. -->

Campanile needs no configuration to start: `campanile serve` works in an empty directory. Everything below can be changed
with a flag of `campanile serve`, an environment variable, or a key in `campanile.toml`. The first of these that says
something wins, and the default comes last.

- **Environment variables** are the names in the tables. An empty variable counts as unset. Where a second name is given,
  it is the one that Novu's server uses; our own name wins when both are set.
- **`campanile.toml`** is read from the current directory when it is there; `--config FILE` names another one, which must
  exist. A setting's key is its variable without `CAMPANILE_`, in small letters, with `__` as a dot. Lists may be arrays.
- **Secrets** can be read from files: add `_FILE` to the variable (`_file` to the key) and give a path. A line end at the
  end of the file does not count. Setting both the variable and its `_FILE` is an error.
- **Relative paths** start at the current directory.
- **Switches** are `true` or `false`; `on`, `off`, `yes`, `no`, `1` and `0` are read too.
- **What is unknown or unusable stops the start** with a sentence that names it. Variables that begin with `CAMPANILE_` must
  be in the tables, except those that Kubernetes makes for a service named `campanile`.
- **What comes later** is listed already; until it is there, any value but the default is refused.

`campanile serve --print-config` shows each setting with its value and who gave it, secrets masked, and leaves.

```toml
# campanile.toml
listen = \"0.0.0.0:3000\"
public_url = \"https://notify.example.com\"
trusted_proxies = [\"10.0.0.0/8\"]
database_url_file = \"/run/secrets/database_url\"
encryption_key_file = \"/run/secrets/encryption_key\"

[providers.slack]
base_url = \"https://slack-gov.com\"
```
";

const TABLE_HEAD: &str = "\
| variable | default | meaning | in the file |
| --- | --- | --- | --- |
";

/// The whole document.
pub(crate) fn markdown() -> String {
    let mut parts = vec![HEAD.to_owned()];
    let mut group = "";
    for setting in SETTINGS {
        if setting.group != group {
            group = setting.group;
            parts.push(format!("\n## {group}\n\n{TABLE_HEAD}"));
        }
        parts.push(row(setting));
    }
    parts.concat()
}

fn row(setting: &Setting) -> String {
    let default = match setting.fallback {
        Fallback::Value(value) => format!("`{value}`"),
        Fallback::Absent(words) => words.to_owned(),
    };
    format!(
        "| `{}` | {default} | {} | {} |\n",
        setting.variables[0],
        meaning(setting),
        in_file(setting)
    )
}

fn meaning(setting: &Setting) -> String {
    let mut sentences = vec![setting.meaning.to_owned()];
    sentences.extend(setting.flag.map(|flag| format!("Flag: `{flag}`.")));
    sentences.extend(
        setting.variables[1..]
            .iter()
            .map(|alias| format!("Also read from `{alias}`.")),
    );
    match setting.secrecy {
        Secrecy::Open => {}
        Secrecy::Address => sentences.push("Secret where it carries a password: also as `…_FILE`.".to_owned()),
        Secrecy::Hidden => sentences.push("Secret: also as `…_FILE`.".to_owned()),
    }
    sentences.extend(setting.later.map(|later| format!("Not settable yet: {later}.")));
    sentences.join(" ")
}

fn in_file(setting: &Setting) -> String {
    if setting.kind == Kind::Foreign {
        return "not in the file".to_owned();
    }
    let table = setting.key.rsplit_once('.').map(|(table, _)| format!("`[{table}]` "));
    format!("{}`{}`", table.unwrap_or_default(), toml_example(setting))
}

#[cfg(test)]
mod tests {
    use super::{HEAD, markdown};
    use crate::config::{Flags, Purpose, load};

    #[test]
    fn the_document_is_up_to_date() {
        let written = include_str!("../../../docs/configuration.md");
        assert!(
            markdown() == written,
            "run `cargo run -p campanile -- settings > docs/configuration.md`"
        );
    }

    #[test]
    fn the_example_in_the_document_works() {
        let file = HEAD
            .split("```toml\n")
            .nth(1)
            .and_then(|rest| rest.split("```").next())
            .unwrap();
        let loaded = load(&Flags::none(Purpose::Serve), [], |path| {
            Ok(match path.to_str().unwrap() {
                "campanile.toml" => file.to_owned(),
                "/run/secrets/database_url" => "postgres://u:p@db/x\n".to_owned(),
                _ => "k".repeat(32),
            })
        });
        assert_eq!(loaded.unwrap().config.listen.to_string(), "0.0.0.0:3000");
    }
}
