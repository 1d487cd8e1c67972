//! Webex: a person's consent for their organisation.

use campanile_connect::oauth::{StartConnect, StartLink};
use campanile_model::error::Kind;
use campanile_testkit::both;
use campanile_testkit::fake::Answer as Told;
use serde_json::json;

use super::{Scene, app, for_subscriber, parameter};

async fn scene(test: &campanile_testkit::TestStore) -> Scene<'_> {
    let scene = Scene::new(test).await;
    scene.integration_in(&test.ctx, "webex-messaging", "webex", app()).await;
    scene.subscriber("ann").await;
    let issued = json!({
        "access_token": "webex-1", "refresh_token": "webex-r", "expires_in": 1_209_599,
        "refresh_token_expires_in": 7_776_000, "token_type": "Bearer",
    });
    scene
        .vendor
        .answer("/v1/access_token", [Told::new(200, issued.to_string())]);
    let me = json!({ "id": "person-1", "orgId": "org-1", "displayName": "Ann", "emails": ["ann@x.example"] });
    scene.vendor.answer("/v1/people/me", [Told::new(200, me.to_string())]);
    scene
}

both! {
    async fn a_consent_becomes_a_connection_and_links_who_gave_it(test) {
        let scene = scene(&test).await;
        let ask = StartConnect {
            connection_identifier: Some("org".to_owned()), auto_link_user: true, ..for_subscriber("webex", "ann")
        };
        for generation in 1..=2 {
            let url = scene.start(&ask).await;
            assert!(scene.page(&url, "c1").await.success);
            let connection = scene.connection("org").await.unwrap();
            assert_eq!((connection.workspace.id.as_str(), connection.workspace.name.as_deref()), ("org-1", Some("Ann")));
            assert_eq!(connection.grant.generation, generation);
            let tokens = test.store.open_tokens(&connection.grant).unwrap();
            assert_eq!((tokens.access_token.as_str(), tokens.refresh_token.as_deref()), ("webex-1", Some("webex-r")));
            assert!(tokens.expires_at.is_some() && tokens.refresh_token_expires_at.is_some());
            assert!(connection.grant.expires_at.is_some(), "it ends with its refresh token");
            let sent = scene.vendor.received_with("/v1/access_token").pop().unwrap().body;
            let verifier = sent.rsplit_once("code_verifier=").unwrap().1;
            assert_eq!(parameter(&url, "code_challenge"), Some(campanile_providers::consent::challenge(verifier)));
        }
        let person = ("webex_person".to_owned(), json!({ "personId": "person-1" }), Some("org".to_owned()));
        assert_eq!(scene.endpoints("ann").await, [person]);
    }

    async fn a_person_links_themselves_to_a_connection(test) {
        let scene = scene(&test).await;
        let url = scene.start(&StartConnect {
            connection_identifier: Some("org".to_owned()), ..for_subscriber("webex", "ann")
        }).await;
        scene.page(&url, "c1").await;
        assert!(scene.endpoints("ann").await.is_empty());
        let ask = StartLink {
            integration_identifier: "webex".to_owned(), subscriber_id: "ann".to_owned(),
            connection_identifier: Some("org".to_owned()), ..StartLink::default()
        };
        for _ in 0..2 {
            let url = scene.link(&ask).await;
            assert_eq!(parameter(&url, "scope").as_deref(), Some("spark:people_read"));
            scene.page(&url, "c2").await;
        }
        let person = ("webex_person".to_owned(), json!({ "personId": "person-1" }), Some("org".to_owned()));
        assert_eq!(scene.endpoints("ann").await, [person]);
    }

    async fn refusals_are_told(test) {
        let scene = scene(&test).await;
        let url = scene.start(&for_subscriber("webex", "ann")).await;
        scene.vendor.answer("/v1/people/me", [Told::new(200, "{}")]);
        assert_eq!(scene.refusal(&url, "c").await, "Webex did not return an org ID or person ID in the OAuth response");
        let url = scene.start(&for_subscriber("webex", "ann")).await;
        scene.vendor.answer("/v1/access_token", [Told::new(200, "{}")]);
        assert_eq!(scene.refusal(&url, "c").await, "Webex OAuth response did not include an access token");
    }

    async fn an_address_of_the_integration_is_guarded(test) {
        let scene = scene(&test).await;
        // The name is resolved, and leads to where somebody listens.
        let named = scene.vendor.url().replace("127.0.0.1", "localhost");
        for (name, base) in [("inside", "http://169.254.169.254/v1"), ("named", named.as_str())] {
            let mut credentials = app();
            credentials["baseUrl"] = base.into();
            scene.integration_in(&test.ctx, "webex-messaging", name, credentials).await;
            let url = scene.start(&for_subscriber(name, "ann")).await;
            let error = scene.back(&url, "c").await.unwrap_err();
            assert_eq!(error.kind(), Kind::Unavailable);
            assert!(error.message().contains("blocked"), "{}", error.message());
        }
        assert_eq!(scene.vendor.count("/people/me"), 0);
    }
}
