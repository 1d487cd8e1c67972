//! The kinds of state changes that users can subscribe to with outbound webhooks.

/// Every family with its kinds: what is added here can be subscribed to, and what is announced under it is delivered.
const FAMILIES: &[(&str, &[&str])] = &[
    (
        "connection",
        &[
            "created",
            "refreshed",
            "expiring",
            "degraded",
            "needs_reauth",
            "revoked",
            "recovered",
            "deleted",
        ],
    ),
    ("endpoint", &["broken", "recovered"]),
    ("integration", &["expiring", "degraded", "recovered"]),
    ("preference", &["updated"]),
    ("webhook", &["disabled"]),
    ("workflow", &["created", "updated", "deleted", "published"]),
];

/// What a webhook endpoint is sent when its owner tries it out. Nobody subscribes to it.
pub const TEST: &str = "webhook.test";
/// A webhook endpoint failed for so long that it gets nothing more.
pub const WEBHOOK_DISABLED: &str = "webhook.disabled";

/// All kinds, such as `connection.created`.
pub fn kinds() -> impl Iterator<Item = String> {
    FAMILIES
        .iter()
        .flat_map(|(family, kinds)| kinds.iter().map(move |kind| format!("{family}.{kind}")))
}

/// All filters: each kind, and `connection.*` for all of a family.
pub fn filters() -> impl Iterator<Item = String> {
    FAMILIES.iter().map(|(family, _)| format!("{family}.*")).chain(kinds())
}

/// Whether a list of filters lets a kind through; an empty list lets through everything that is in the table.
pub fn matches(filters: &[String], kind: &str) -> bool {
    let Some((family, name)) = kind.split_once('.') else {
        return false;
    };
    let known = FAMILIES
        .iter()
        .any(|(known, kinds)| *known == family && kinds.contains(&name));
    let asked = filters.is_empty()
        || filters
            .iter()
            .any(|filter| filter == kind || filter.strip_suffix(".*") == Some(family));
    known && asked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(filters: &[&str]) -> Vec<String> {
        filters.iter().map(|filter| (*filter).to_owned()).collect()
    }

    #[test]
    fn a_filter_is_a_kind_a_family_or_nothing_for_all() {
        let table: [(&[&str], &str, bool); 8] = [
            (&[], "connection.created", true),
            (&[], "connection.renamed", false),
            (&["connection.created"], "connection.created", true),
            (&["connection.created"], "connection.deleted", false),
            (&["connection.*"], "connection.deleted", true),
            (&["connection.*"], "endpoint.broken", false),
            (&["endpoint.broken", "connection.*"], "endpoint.broken", true),
            (&["connect.*"], "connection.created", false),
        ];
        for (filters, kind, expected) in table {
            assert_eq!(matches(&list(filters), kind), expected, "{filters:?} {kind}");
        }
    }

    #[test]
    fn every_kind_can_be_asked_for_alone_and_with_its_family() {
        let all: Vec<String> = filters().collect();
        assert!(kinds().all(|kind| all.contains(&kind)));
        assert!(all.contains(&"webhook.*".to_owned()) && kinds().any(|kind| kind == WEBHOOK_DISABLED));
        assert!(!all.contains(&TEST.to_owned()));
    }
}
