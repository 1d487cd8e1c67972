//! What a customer consented to, against what is needed.

/// What nothing works without: posting. Whatever else a call turned out to need is added as it is found out.
fn needed(provider_id: &str) -> &'static [&'static str] {
    match provider_id {
        "slack" | "novu-slack" => &["chat:write"],
        _ => &[],
    }
}

/// What is needed, or was found missing before, and is not granted.
pub(super) fn missing(provider_id: &str, granted: &[String], before: Option<&[String]>) -> Vec<String> {
    let found = before.unwrap_or_default().iter().map(String::as_str);
    let mut missing: Vec<String> = Vec::new();
    for scope in needed(provider_id).iter().copied().chain(found) {
        let is_granted = granted.iter().any(|one| one == scope);
        if !is_granted && !missing.iter().any(|one| one == scope) {
            missing.push(scope.to_owned());
        }
    }
    missing
}

/// The sentence for a grant that lacks these.
pub(super) fn reason(missing: &[String]) -> String {
    let quoted: Vec<String> = missing.iter().map(|scope| format!("`{scope}`")).collect();
    format!(
        "The consent lacks {}. The customer must connect again and agree to it.",
        quoted.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(list: &[&str]) -> Vec<String> {
        list.iter().map(|one| (*one).to_owned()).collect()
    }

    #[test]
    fn what_is_needed_or_was_missed_must_be_granted() {
        type Names = &'static [&'static str];
        let table: [(Names, Option<Names>, Names); 5] = [
            (&["chat:write", "users:read"], None, &[]),
            (&["users:read"], None, &["chat:write"]),
            (&["chat:write"], Some(&["users:read"]), &["users:read"]),
            (&["chat:write", "users:read"], Some(&["users:read"]), &[]),
            (&[], Some(&["chat:write"]), &["chat:write"]),
        ];
        for (granted, before, expected) in table {
            let before = before.map(owned);
            assert_eq!(
                missing("slack", &owned(granted), before.as_deref()),
                owned(expected),
                "{granted:?}"
            );
        }
        assert!(missing("webex-messaging", &[], None).is_empty());
    }
}
