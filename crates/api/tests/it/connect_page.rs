//! The hosted connect page where nobody can be sent: without a public URL.

use campanile_testkit::both;
use campanile_testkit::http::Client;
use serde_json::json;

use crate::permissions::serve;

both! {
    async fn without_a_public_url_links_are_refused_with_the_setting_that_is_missing(test) {
        let address = serve(&test).await;
        let mut client = Client::connect(address, &test.made.development.secret_key).await.unwrap();
        let integration = json!({ "providerId": "slack", "channel": "chat", "name": "s", "identifier": "s", "check": false });
        let made = client.call("POST", "/v1/integrations", &[], Some(&integration)).await.unwrap();
        assert_eq!(made.status, 201);
        let session = json!({ "integrationIdentifier": "s", "subscriberId": "a" });
        for (method, path, body) in [
            ("POST", "/v1/channel-connections/sessions", Some(&session)),
            ("GET", "/v1/integrations/s/app-manifest", None),
            ("GET", "/connect/any", None),
        ] {
            let answer = client.call(method, path, &[], body).await.unwrap();
            assert_eq!(answer.status, 400, "{path}");
            let text = answer.text;
            assert!(text.contains("CAMPANILE_PUBLIC_URL"), "{path}: {text}");
        }
    }
}
