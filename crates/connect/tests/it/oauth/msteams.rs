//! Microsoft Teams: the administrator's consent, and the person who signs in after it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use campanile_connect::oauth::{Answer, Outcome, StartConnect, StartLink, finish};
use campanile_model::Result;
use campanile_testkit::both;
use campanile_testkit::fake::Answer as Told;
use serde_json::json;
use url::Url;

use super::{Scene, for_subscriber, page, parameter, state};

const TENANT: &str = "11111111-2222-3333-4444-555555555555";

async fn scene(test: &campanile_testkit::TestStore) -> Scene<'_> {
    let scene = Scene::new(test).await;
    let credentials = json!({ "clientId": "app-1", "secretKey": "canary-secret", "tenantId": "home-tenant" });
    scene.integration_in(&test.ctx, "msteams", "teams", credentials).await;
    scene.subscriber("ann").await;
    let claims = URL_SAFE_NO_PAD.encode(json!({ "oid": "person-1", "tid": "home-tenant" }).to_string());
    let vendor = &scene.vendor;
    let token = |body: serde_json::Value| [Told::new(200, body.to_string())];
    vendor.answer(
        "grant_type=client_credentials",
        token(json!({ "access_token": "graph-token", "expires_in": 3599 })),
    );
    vendor.answer(
        "grant_type=authorization_code",
        token(json!({ "id_token": format!("e30.{claims}.x") })),
    );
    vendor.answer(
        "/v1.0/appCatalogs",
        token(json!({ "value": [{ "id": "catalog-app" }] })),
    );
    vendor.answer(
        "/v1.0/users/person-1/teamwork/installedApps",
        [Told::new(201, ""), Told::new(409, "{}")],
    );
    scene
}

fn ask() -> StartConnect {
    StartConnect {
        connection_identifier: Some("tenant".to_owned()),
        ..for_subscriber("teams", "ann")
    }
}

async fn consented(scene: &Scene<'_>, url: &Url, tenant: Option<&str>, granted: &str) -> Result<Outcome> {
    let answer = Answer {
        tenant: tenant.map(str::to_owned),
        admin_consent: Some(granted.to_owned()),
        state: Some(state(url)),
        ..Answer::default()
    };
    finish(&scene.connect, &answer, "test").await
}

both! {
    async fn a_consent_becomes_a_connection_and_a_second_one_mends_it(test) {
        let scene = scene(&test).await;
        for generation in 1..=2 {
            let url = scene.start(&ask()).await;
            assert!(url.as_str().contains("/organizations/v2.0/adminconsent?client_id=app-1&"), "{url}");
            let page = page(consented(&scene, &url, Some(TENANT), "True").await.unwrap());
            assert!(page.success && page.facts.contains(&("Tenant", TENANT.to_owned())), "{page:?}");
            let connection = scene.connection("tenant").await.unwrap();
            assert_eq!((connection.workspace.id.as_str(), connection.grant.generation), (TENANT, generation));
            assert_eq!(scene.token(&connection), "app-only");
            let again = consented(&scene, &url, Some(TENANT), "True").await.unwrap_err();
            assert!(again.message().contains("used already"), "{}", again.message());
        }
        assert!(scene.vendor.received().is_empty(), "nothing was asked of Microsoft");
    }

    async fn what_is_no_consent_changes_nothing(test) {
        let scene = scene(&test).await;
        let url = scene.start(&ask()).await;
        for (tenant, granted, expected) in [
            (Some(TENANT), "False", "Admin consent was not granted"),
            (Some(TENANT), "true", "Admin consent was not granted"),
            (Some("../x"), "True", "The tenant of the consent is not one that Microsoft knows"),
        ] {
            let error = consented(&scene, &url, tenant, granted).await.unwrap_err();
            assert_eq!(error.message(), expected);
        }
        let answer = Answer { code: Some("x".to_owned()), state: Some(state(&url)), ..Answer::default() };
        let error = finish(&scene.connect, &answer, "test").await.unwrap_err();
        assert_eq!(error.message(), "Missing tenant parameter from MS Teams admin consent");
        assert!(scene.connection("tenant").await.is_none());
    }

    async fn who_consents_is_led_on_to_their_sign_in_and_gets_the_app(test) {
        let scene = scene(&test).await;
        let url = scene.start(&StartConnect { auto_link_user: true, connection_identifier: None, ..ask() }).await;
        let Outcome::Redirect(on) = consented(&scene, &url, Some(TENANT), "True").await.unwrap() else {
            panic!("no way on");
        };
        // The account is in the customer's tenant, and not in that of our user.
        assert_eq!(on.path(), format!("/{TENANT}/oauth2/v2.0/authorize"));
        assert_eq!(parameter(&on, "scope").as_deref(), Some("openid profile User.Read"));
        let done = scene.page(&on, "code-1").await;
        assert!(done.success, "{done:?}");
        let endpoints = scene.endpoints("ann").await;
        let [(kind, address, Some(connection))] = endpoints.as_slice() else { panic!("{endpoints:?}") };
        assert_eq!((kind.as_str(), address), ("ms_teams_user", &json!({ "userId": "person-1" })));
        // It hangs on the connection that was made, although nobody had named one.
        assert!(connection.starts_with("chconn_"), "{connection}");
        let install = scene.vendor.received_with("installedApps").remove(0);
        assert_eq!(install.header("authorization"), Some("Bearer graph-token"));
        let asked = format!("/{TENANT}/oauth2/v2.0/token");
        assert_eq!(scene.vendor.received_with("/token").iter().filter(|call| call.path == asked).count(), 2);
        assert_eq!(
            install.json(),
            json!({ "teamsApp@odata.bind": "https://graph.microsoft.com/v1.0/appCatalogs/teamsApps/catalog-app" })
        );
        // Once more: the app is there already, and so is the endpoint.
        let url = scene.link(&StartLink {
            integration_identifier: "teams".to_owned(), subscriber_id: "ann".to_owned(), ..StartLink::default()
        }).await;
        assert!(url.path().starts_with(&format!("/{TENANT}/")), "{url}");
        assert!(scene.page(&url, "code-2").await.success);
        assert_eq!(scene.endpoints("ann").await.len(), 1);
    }

    async fn what_goes_wrong_with_a_person_is_told_on_a_page(test) {
        let scene = scene(&test).await;
        scene.vendor.answer("/v1.0/appCatalogs", [Told::new(403, "{}"), Told::new(200, r#"{"value":[]}"#)]);
        let ask = StartLink {
            integration_identifier: "teams".to_owned(), subscriber_id: "ann".to_owned(), ..StartLink::default()
        };
        for part in ["AppCatalog.Read.All", "not found in your organization catalog"] {
            let url = scene.link(&ask).await;
            let page = scene.page(&url, "code").await;
            assert_eq!((page.success, page.heading.as_str()), (false, "MS Teams Bot Installation Failed"));
            assert!(page.text.contains(part) && !page.text.contains("canary"), "{}", page.text);
        }
        assert!(scene.endpoints("ann").await.is_empty());
    }
}
