use std::{sync::Once, time::Duration};

use campanile_providers::{
    Request, Response, Transport, TransportConfig, TransportError, Trust,
    transport::{AddressKind, BlockReason, Secretish},
};
use tokio::net::TcpListener;
use url::Url;

use crate::server::{Manner, Server, answer};

fn open(config: TransportConfig) -> Transport {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    Transport::new(config).unwrap()
}

fn door() -> Transport {
    open(TransportConfig {
        allow_loopback: true,
        timeout: Duration::from_millis(600),
        ..TransportConfig::default()
    })
}

fn post(url: &Url) -> Request {
    Request::post_json(url.clone(), r#"{"text":"hi"}"#.to_owned())
}

async fn sent(url: &Url) -> Result<Response, TransportError> {
    door().send(&post(url), Trust::Customer).await
}

#[tokio::test]
async fn an_answer_comes_back_as_it_is() {
    let mut server = Server::start(answer("201 Created\r\nx-request-id: r1", b"{\"id\":1}")).await;
    let mut request = post(&server.url.join("a%20b?c=%26").unwrap());
    request.set_header("X-Novu-Signature", Secretish::Plain("abc".to_owned()));
    let response = door().send(&request, Trust::Customer).await.unwrap();
    assert_eq!(
        (response.status, response.header("x-request-id"), response.complete),
        (201, Some("r1"), true)
    );
    assert_eq!(response.json().unwrap()["id"], 1);
    let seen = server.requests.recv().await.unwrap();
    assert!(seen.starts_with("POST /a%20b?c=%26 HTTP/1.1\r\n"), "{seen}");
    assert!(
        seen.contains("content-type: application/json; charset=utf-8\r\n") && seen.contains("content-length: 13\r\n"),
        "{seen}"
    );
    assert!(
        seen.contains("x-novu-signature: abc\r\n") && seen.contains("user-agent: Campanile/"),
        "{seen}"
    );
    assert!(
        !seen.contains("transfer-encoding") && seen.ends_with(r#"{"text":"hi"}"#),
        "{seen}"
    );
}

#[tokio::test]
async fn a_refused_port_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("http://{}/canary", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    drop(listener);
    for trust in [Trust::Customer, Trust::Operator] {
        let error = door().send(&post(&url), trust).await.unwrap_err();
        assert!(matches!(&error, TransportError::NotSent(_)), "{error:?}");
        assert!(!error.to_string().contains("canary"), "{error}");
        let bodyless = door()
            .send(&Request::new(http::Method::GET, url.clone()), trust)
            .await
            .unwrap_err();
        assert!(matches!(bodyless, TransportError::NotSent(_)), "{bodyless:?}");
    }
}

#[tokio::test]
async fn an_unknown_name_is_not_sent() {
    // Too long for a label, so the resolver refuses it without asking the network.
    let error = sent(&format!("http://{}.invalid/", "a".repeat(70)).parse().unwrap())
        .await
        .unwrap_err();
    assert!(matches!(error, TransportError::NotSent(_)), "{error:?}");
}

#[tokio::test]
async fn a_failed_tls_handshake_is_not_sent() {
    for manner in [
        Manner::Silent,
        Manner::Reset,
        answer("400 Bad Request", b"plain http here"),
    ] {
        let server = Server::start(manner).await;
        let url: Url = server.url.as_str().replace("http:", "https:").parse().unwrap();
        let error = sent(&url).await.unwrap_err();
        assert!(matches!(error, TransportError::NotSent(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_connection_that_never_comes_about_is_not_sent() {
    // A backlog that is full drops further connections without a word.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(100), tokio::net::TcpStream::connect(address)).await
    {
        held.push(stream);
    }
    let error = sent(&format!("http://{address}/").parse().unwrap()).await.unwrap_err();
    assert!(matches!(error, TransportError::NotSent(_)), "{error:?}");
}

#[tokio::test]
async fn after_the_request_left_it_is_unknown() {
    for manner in [
        Manner::Close,
        Manner::Reset,
        Manner::Silent,
        Manner::Answer(b"garbage\r\n\r\n".to_vec()),
    ] {
        let mut server = Server::start(manner).await;
        let error = sent(&server.url).await.unwrap_err();
        assert!(matches!(error, TransportError::Unknown(_)), "{error:?}");
        let bodyless = door()
            .send(&Request::new(http::Method::GET, server.url.clone()), Trust::Customer)
            .await
            .unwrap_err();
        assert!(matches!(bodyless, TransportError::Unknown(_)), "{bodyless:?}");
        assert_eq!(server.calls(), 2, "nothing is repeated behind our back");
    }
}

#[tokio::test]
async fn a_known_status_survives_a_broken_body() {
    let stall = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 100\r\n\r\nhalf".to_vec();
    for manner in [Manner::Stall(stall.clone()), Manner::Answer(stall)] {
        let server = Server::start(manner).await;
        let response = sent(&server.url).await.unwrap();
        assert_eq!((response.status, response.complete), (429, false));
        assert_eq!(response.retry_after(), Some(Duration::from_secs(7)));
    }
}

#[tokio::test]
async fn bodies_are_bounded() {
    let server = Server::start(answer("200 OK", &vec![b'x'; 3 << 20])).await;
    let response = open(TransportConfig {
        allow_loopback: true,
        ..TransportConfig::default()
    })
    .send(&post(&server.url), Trust::Customer)
    .await
    .unwrap();
    assert_eq!((response.body.len(), response.complete), (1 << 20, false));
}

#[tokio::test]
async fn packed_answers_are_unpacked() {
    let packed = hex::decode("1f8b0800000000000203ab56cacf56b22a292a4dad0500905fd4a70b000000").unwrap();
    let server = Server::start(answer("200 OK\r\ncontent-encoding: gzip", &packed)).await;
    assert_eq!(sent(&server.url).await.unwrap().json().unwrap()["ok"], true);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let mut inside = Server::start(answer("200 OK", b"secret")).await;
    let server = Server::start(answer(&format!("302 Found\r\nlocation: {}", inside.url), b"")).await;
    assert_eq!(sent(&server.url).await.unwrap().status, 302);
    assert_eq!(inside.calls(), 0);
}

#[tokio::test]
async fn customers_do_not_reach_inside() {
    let mut server = Server::start(answer("200 OK", b"ok")).await;
    let port = server.url.port().unwrap();
    let closed = open(TransportConfig::default());
    for (host, kind) in [
        ("127.0.0.1", AddressKind::Loopback),
        ("2130706433", AddressKind::Loopback),
        ("0x7f.1", AddressKind::Loopback),
        ("[::ffff:127.0.0.1]", AddressKind::Embedded),
        ("0.0.0.0", AddressKind::Unspecified),
        // goes through the resolver, unlike the literals
        ("localhost", AddressKind::Loopback),
        ("LOCALHOST", AddressKind::Loopback),
    ] {
        let url: Url = format!("http://{host}:{port}/").parse().unwrap();
        let error = closed.send(&post(&url), Trust::Customer).await.unwrap_err();
        assert_eq!(error, TransportError::Blocked(BlockReason::Address(kind)), "{host}");
    }
    assert_eq!(server.calls(), 0);
    assert_eq!(
        closed.send(&post(&server.url), Trust::Operator).await.unwrap().status,
        200
    );
}

#[tokio::test]
async fn opened_names_and_ranges_are_reached() {
    let server = Server::start(answer("200 OK", b"ok")).await;
    let named: Url = server.url.as_str().replace("127.0.0.1", "localhost").parse().unwrap();
    for (entry, url, reached) in [
        ("localhost", &named, true),
        ("localhost", &server.url, false),
        ("127.0.0.0/8", &named, true),
        ("127.0.0.0/8", &server.url, true),
        ("10.0.0.0/8", &server.url, false),
    ] {
        let allowed_private_hosts = vec![entry.parse().unwrap()];
        let transport = open(TransportConfig {
            allowed_private_hosts,
            ..TransportConfig::default()
        });
        assert_eq!(
            transport.send(&post(url), Trust::Customer).await.is_ok(),
            reached,
            "{entry} {url}"
        );
    }
}

#[tokio::test]
async fn with_a_proxy_customers_names_are_still_checked() {
    let mut proxy = Server::start(answer("200 OK", b"from the proxy")).await;
    let transport = open(TransportConfig {
        proxy: Some(proxy.url.clone()),
        ..TransportConfig::default()
    });
    let error = transport
        .send(&post(&"http://localhost:1/".parse().unwrap()), Trust::Customer)
        .await
        .unwrap_err();
    assert_eq!(
        error,
        TransportError::Blocked(BlockReason::Address(AddressKind::Loopback))
    );
    assert_eq!(proxy.calls(), 0);
    let vendor = transport
        .send(&post(&"http://vendor.invalid/x".parse().unwrap()), Trust::Operator)
        .await
        .unwrap();
    assert_eq!(vendor.text(), "from the proxy");
    let seen = proxy.requests.recv().await.unwrap();
    assert!(seen.starts_with("POST http://vendor.invalid/x HTTP/1.1"), "{seen}");
}

#[test]
fn a_bad_setup_is_explained() {
    let missing = TransportConfig {
        ca_file: Some("/nonexistent/ca.pem".into()),
        ..TransportConfig::default()
    };
    let error = Transport::new(missing).unwrap_err().to_string();
    assert!(error.contains("/nonexistent/ca.pem"), "{error}");
    #[expect(
        clippy::disallowed_methods,
        reason = "the runner of the tests says it, not the configuration"
    )]
    let no_pem = format!("{}/Cargo.toml", std::env::var("CARGO_MANIFEST_DIR").unwrap());
    let empty = TransportConfig {
        ca_file: Some(no_pem.into()),
        ..TransportConfig::default()
    };
    assert!(
        Transport::new(empty)
            .unwrap_err()
            .to_string()
            .contains("no usable PEM certificate")
    );
    let proxy = TransportConfig {
        proxy: Some("ftp://x".parse().unwrap()),
        ..TransportConfig::default()
    };
    assert!(Transport::new(proxy).unwrap_err().to_string().contains("http or https"));
}
