//! Cursor lists, both ways.

use campanile_store::Batch;
use campanile_store::page::{Cursor, Order, Page};
use campanile_store::subscribers::{Subscriber, SubscriberFilter};
use campanile_testkit::{TestStore, both};
use serde_json::Map;

async fn fill(test: &TestStore, count: usize) {
    let mut batch = Batch::new();
    for n in 0..count {
        let subscriber = test.store.new_subscriber(format!("s{n:02}"), Map::new());
        test.store.insert_subscriber(&mut batch, &test.ctx, &subscriber);
    }
    test.store.commit(batch).await.unwrap();
}

async fn page(test: &TestStore, cursor: &Cursor) -> Page<Subscriber> {
    test.store
        .list_subscribers(&test.ctx, &SubscriberFilter::default(), cursor)
        .await
        .unwrap()
}

fn names(page: &Page<Subscriber>) -> Vec<&str> {
    page.rows.iter().map(|row| row.subscriber_id.as_str()).collect()
}

both! {
    async fn pages_lead_forward_and_back_again(test) {
        fill(&test, 7).await;
        for order in [Order::Id, Order::Created, Order::Updated] {
            let start = Cursor { order, ..Cursor::first(3) };
            let one = page(&test, &start).await;
            assert_eq!(names(&one), ["s06", "s05", "s04"]);
            assert_eq!((one.previous, one.total, one.capped), (None, 7, false));
            let two = page(&test, &Cursor { after: one.next.map(|id| id.to_string()), ..start.clone() }).await;
            assert_eq!(names(&two), ["s03", "s02", "s01"]);
            let three = page(&test, &Cursor { after: two.next.map(|id| id.to_string()), ..start.clone() }).await;
            assert_eq!(names(&three), ["s00"]);
            assert_eq!(three.next, None);
            let back = page(&test, &Cursor { before: two.previous.map(|id| id.to_string()), ..start.clone() }).await;
            assert_eq!(names(&back), names(&one));
            assert_eq!((back.next, back.previous), (one.next, None));
        }
    }

    async fn the_cursor_itself_is_shown_when_asked_for(test) {
        fill(&test, 3).await;
        let all = page(&test, &Cursor::first(10)).await;
        let cursor = Cursor { after: Some(all.rows[1].id.to_string()), include_cursor: true, ..Cursor::first(10) };
        assert_eq!(names(&page(&test, &cursor).await), ["s01", "s00"]);
    }

    async fn an_unknown_or_malformed_cursor_gives_an_empty_page(test) {
        fill(&test, 3).await;
        for cursor in ["6615943e7ace93b0540ae377", "nonsense"] {
            let found = page(&test, &Cursor { after: Some(cursor.to_owned()), ..Cursor::first(10) }).await;
            assert!(found.rows.is_empty() && found.next.is_none() && found.previous.is_none());
            assert_eq!(found.total, 0);
        }
    }
}
