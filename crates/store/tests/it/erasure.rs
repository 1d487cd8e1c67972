//! Deleting an environment removes what it held, and nothing of the others.

use std::collections::BTreeSet;

use campanile_store::environments::erased_tables;

/// Tables that keep something after an environment is gone, or end with it in its own commit.
const APART: [&str; 6] = [
    "api_keys",
    "audits",
    "connections",
    "revocations",
    "tasks",
    "webhook_relay",
];

#[test]
fn every_table_of_an_environment_is_erased() {
    let mut found = BTreeSet::new();
    #[expect(
        clippy::disallowed_methods,
        reason = "the runner of the tests says it, not the configuration"
    )]
    let folder = format!("{}/migrations", std::env::var("CARGO_MANIFEST_DIR").unwrap());
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for table in text.split("CREATE TABLE ").skip(1) {
            let (name, rest) = table.split_once(' ').unwrap();
            let columns = rest.split("\n)").next().unwrap();
            if columns.contains("environment_id {text}") && !APART.contains(&name) {
                found.insert(name.to_owned());
            }
        }
    }
    let erased: BTreeSet<String> = erased_tables().map(str::to_owned).collect();
    assert_eq!(found, erased);
}
