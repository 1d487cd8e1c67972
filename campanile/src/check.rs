//! `campanile healthcheck`: asks the server's `/readyz`.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::cli::HealthcheckArgs;
use crate::{Failure, tools};

const PATIENCE: Duration = Duration::from_secs(5);

/// Succeeds when the server says that it is ready.
pub(crate) async fn healthcheck(args: HealthcheckArgs) -> Result<(), Failure> {
    let url = match &args.url {
        Some(url) => url.clone(),
        None => tools::load(&args.flags())?.config.local_url(),
    };
    let unready = |problem: String| Failure::new(format!("The server at {url} is not ready: {problem}"));
    let parsed = url::Url::parse(&url).map_err(|error| Failure::new(format!("--url {url} is not a URL: {error}")))?;
    if parsed.scheme() != "http" {
        return Err(Failure::new(format!(
            "--url {url} must begin with http://: the server itself speaks no TLS"
        )));
    }
    let host = parsed.host_str().unwrap_or("127.0.0.1").to_owned();
    let port = parsed.port_or_known_default().unwrap_or(80);
    let asked = tokio::time::timeout(PATIENCE, ask(&host, port));
    let status = asked
        .await
        .map_err(|_| unready("it did not answer within 5 seconds".to_owned()))?;
    match status {
        Ok(status) if status.contains(" 200 ") => Ok(()),
        Ok(status) => Err(unready(format!("it answered {}", status.trim()))),
        Err(error) => Err(unready(error.to_string())),
    }
}

/// The status line of `/readyz`.
async fn ask(host: &str, port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    stream
        .write_all(format!("GET /readyz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())
        .await?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}
