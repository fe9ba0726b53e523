//! The HTTP API, under `/v1`: everything a [`Local`](crate::Local) does, for people who do not write Rust; and a dashboard at `/`
//! that uses it.
//!
//! Handlers read a request, call [`Host`](crate::Host) or [`Local`](crate::Local), and write an answer; nothing is decided here
//! that a library user would miss. What comes in is bounded by [`HttpLimits`] before anything uses it.
//!
//! ```no_run
//! # async fn example() -> au_host::Result<()> {
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use au_host::http::{HttpConfig, Server};
//! use au_host::{Local, LocalConfig};
//! use tokio_util::sync::CancellationToken;
//!
//! let local = Arc::new(Local::open("data".as_ref(), LocalConfig::default()).await?);
//! let server = Server::bind(HttpConfig::default()).await?;
//! println!("{}", server.url());
//! server.serve(local, CancellationToken::new(), Duration::from_secs(10)).await
//! # }
//! ```

mod accept;
mod access;
mod advice;
mod app;
mod attempts;
mod auth;
mod body;
mod bulk;
mod call;
mod config;
mod connection;
mod dashboard;
mod door;
mod events;
mod explaining;
mod followers;
mod health;
mod job;
mod jobs;
mod json;
mod leftover;
mod listen;
mod logs;
mod metrics;
mod modules;
mod openapi;
mod options;
mod origin;
mod path;
mod patience;
mod peers;
mod principal;
mod problem;
mod query;
mod queues;
mod request_id;
mod schedules;
mod server;
mod stats;
mod submit;
mod template;
mod tls;
mod tokens;
mod upload;
mod usage;
mod webhooks;
mod workers;

pub use config::{Auth, HttpConfig, HttpLimits};
pub use listen::Listen;
pub use openapi::openapi;
pub use server::Server;
pub use tls::TlsFiles;
