//! What the operator is told at the first start: secrets go to a terminal, or else to a file that only they can read.

use std::io::IsTerminal;

use campanile_store::first_start::FirstStart;

use crate::config::Config;
use crate::{Failure, keys, output};

const FILE: &str = "first-start.txt";

/// Tells what was made.
pub(crate) fn tell(config: &Config, made: &FirstStart) -> Result<(), Failure> {
    let mut lines = Vec::new();
    for one in [&made.development, &made.production] {
        let name = &one.environment.name;
        lines.push(format!("{name} application identifier: {}", one.environment.identifier));
        // What the operator chose is never printed.
        if !one.secret_key_chosen {
            lines.push(format!("{name} secret key: {}", one.secret_key));
        }
    }
    let text = lines.join("\n");
    if std::io::stdout().is_terminal() {
        return output::line(&format!(
            "First start. Keep these, the keys are not shown again:\n{text}"
        ));
    }
    let path = config.data_dir.join(FILE);
    keys::write_private(&path, &format!("{text}\n"))?;
    output::line(&format!("First start: keys and identifiers are in {}", path.display()))
}
