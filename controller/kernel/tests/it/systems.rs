//! NetBox, AWX and their like as far as a test of lines needs them: each under a path of its own, with a token of its own,
//! saying back who was asked with what.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// All of them, at one port; gone when dropped.
pub struct Systems {
    /// Where they listen.
    address: SocketAddr,
    /// Their task.
    task: JoinHandle<()>,
}

impl Drop for Systems {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Systems {
    /// Starts them.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new()
            .route("/{system}/{*path}", get(answer))
            .with_state(());
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("serves");
        });
        Self { address, task }
    }

    /// The URL of one.
    pub fn url(&self, system: &str) -> String {
        format!("http://{}/{system}", self.address)
    }

    /// Their port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

/// Says who was asked for what with what; refuses another's token.
async fn answer(
    State(()): State<()>,
    Path((system, path)): Path<(String, String)>,
    headers: HeaderMap,
) -> (StatusCode, axum::Json<Value>) {
    let shown = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if system.starts_with("netbox") && shown != format!("Token token-of-{system}") {
        return (
            StatusCode::FORBIDDEN,
            axum::Json(json!({"detail": "Invalid token"})),
        );
    }
    let said = json!({
        "system": system, "path": path, "authorization": shown, "netbox-version": format!("4.1-of-{system}"),
    });
    (StatusCode::OK, axum::Json(said))
}
