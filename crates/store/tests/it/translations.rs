//! Translations: one document for each resource and locale.

use campanile_model::channel::Translated;
use campanile_model::{Id, locale};
use campanile_store::Batch;
use campanile_store::translations::{GONE, Translation};
use campanile_testkit::{TestStore, both};
use serde_json::{Map, json};

fn text(test: &TestStore, resource: Id, locale: &str, text: &str) -> Translation {
    let now = test.store.now();
    Translation {
        kind: Translated::Workflow,
        resource_id: resource,
        locale: locale.to_owned(),
        content: Map::from_iter([("a".to_owned(), json!(text))]),
        created_at: now,
        updated_at: now,
    }
}

async fn put(test: &TestStore, translation: &Translation) {
    let mut batch = Batch::new();
    test.store.put_translation(&mut batch, &test.ctx, translation);
    test.store.commit(batch).await.unwrap();
}

both! {
    async fn texts_are_replaced_and_the_default_ones_keep_their_time_when_nothing_changes(test) {
        let resource = test.store.new_id();
        let find = |locale: &'static str| test.store.translation(&test.ctx, Translated::Workflow, resource, locale);
        for locale in [locale::DEFAULT, "de_DE"] {
            let first = text(&test, resource, locale, "first");
            put(&test, &first).await;
            assert_eq!(find(locale).await.unwrap(), Some(first.clone()));
            let mut again = first.clone();
            again.created_at = first.created_at.plus(std::time::Duration::from_secs(1));
            again.updated_at = again.created_at;
            put(&test, &again).await;
            let kept = find(locale).await.unwrap().unwrap();
            assert_eq!(kept.created_at, first.created_at);
            let expected = if locale == locale::DEFAULT { first.updated_at } else { again.updated_at };
            assert_eq!(kept.updated_at, expected);
            again.content.insert("b".to_owned(), json!("new"));
            put(&test, &again).await;
            let changed = find(locale).await.unwrap().unwrap();
            assert_eq!((changed.content, changed.updated_at), (again.content, again.updated_at));
        }
    }

    async fn texts_are_deleted_one_by_one_and_all_at_once(test) {
        let (resource, other) = (test.store.new_id(), test.store.new_id());
        for locale in ["en_US", "de_DE", "fr_FR"] {
            put(&test, &text(&test, resource, locale, "x")).await;
        }
        put(&test, &text(&test, other, "en_US", "x")).await;
        for expected in [true, false] {
            let mut batch = Batch::new();
            test.store.delete_translation(&mut batch, &test.ctx, Translated::Workflow, resource, "de_DE");
            let result = test.store.commit(batch).await;
            assert_eq!(result.is_ok(), expected);
            assert!(expected || result.is_err_and(|error| error.is_conflict(GONE)));
        }
        let left = test.store.translations_of(&test.ctx, Translated::Workflow, resource).await.unwrap();
        assert_eq!(left.iter().map(|one| one.locale.as_str()).collect::<Vec<_>>(), ["en_US", "fr_FR"]);
        let mut batch = Batch::new();
        test.store.delete_translations(&mut batch, &test.ctx, Translated::Workflow, resource);
        test.store.commit(batch).await.unwrap();
        let all = test.store.translations_all(&test.ctx, Translated::Workflow).await.unwrap();
        assert_eq!(all.iter().map(|one| one.resource_id).collect::<Vec<_>>(), [other]);
        assert_eq!(test.store.translations_all(&test.ctx, Translated::Layout).await.unwrap(), []);
    }
}
