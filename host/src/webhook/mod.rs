//! Webhooks: somebody is told by an HTTP request that a job has finished.
//!
//! A job with a webhook has a note in its store ([`note`]), written before the job is ([`keep`]), until that somebody was told or
//! given up. Hosts that take everything look through the notes and send what is due ([`deliverer`], [`sending`]), signed with the secret
//! of the job's tenant ([`secrets`], [`message`]), to addresses that may be sent to ([`config`]). What is sent twice has the same
//! `webhook-id`: a receiver hears of each job at least once.

mod config;
mod keep;
mod note;
mod signals;
mod told;
mod url;

#[cfg(feature = "webhook")]
mod deliverer;
#[cfg(not(feature = "webhook"))]
#[path = "no_deliverer.rs"]
mod deliverer;
#[cfg(feature = "webhook")]
mod lanes;
#[cfg(feature = "webhook")]
mod message;
#[cfg(feature = "webhook")]
mod secrets;
#[cfg(feature = "webhook")]
mod sending;
#[cfg(feature = "webhook")]
mod target;
#[cfg(feature = "webhook")]
mod turns;

pub use config::{Network, WebhookConfig};
#[cfg(feature = "webhook")]
pub use secrets::{SigningSecret, WebhookSecrets};
pub use told::{Delivery, DeliveryPhase};
pub use url::WebhookUrl;

pub(crate) use config::admit;
pub(crate) use deliverer::begin;
pub(crate) use keep::{forget, insert};
pub(crate) use signals::Signals;
pub(crate) use told::{delivery, is_left};
