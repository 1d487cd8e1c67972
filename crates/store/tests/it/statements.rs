//! Every statement is prepared on both engines: the check that an ORM would make at compile time.

use campanile_testkit::both;

both! {
    async fn every_statement_is_understood(test) {
        let mut wrong = Vec::new();
        for sql in campanile_store::all_statements() {
            if let Err(error) = test.store.db().check(sql).await {
                wrong.push(format!("{}: {error}", sql.name));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
