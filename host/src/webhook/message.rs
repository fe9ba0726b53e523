//! What a receiver is sent: a small JSON document, and the headers of the [Standard Webhooks] specification that sign it. No IO.
//!
//! [Standard Webhooks]: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::secrets::SigningSecret;
use crate::error::{Error, Result};
use crate::job::Summary;
use crate::time::Timestamp;

/// What is sent of one job at one time.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
}

impl Message {
    /// Of a job that has finished. Its id stays the same however often it is sent; its time is that of this try.
    pub(super) fn of(job: &Summary, secrets: &[SigningSecret], now: Timestamp) -> Result<Self> {
        let body = serde_json::to_vec(&document(job)).map_err(|error| Error::fault("webhook", error))?;
        let (id, at) = (job.id.to_string(), (now.as_micros() / 1_000_000).to_string());
        let signatures: Vec<_> = secrets.iter().map(|secret| signature(secret, &id, &at, &body)).collect();
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("webhook-id", id),
            ("webhook-timestamp", at),
            ("webhook-signature", signatures.join(" ")),
        ];
        Ok(Self { headers, body: body.into() })
    }
}

fn document(job: &Summary) -> Value {
    let timings = job.timings();
    let millis = |span: Option<std::time::Duration>| span.map(|span| span.as_secs_f64() * 1000.0);
    let output = job.output.as_ref().map(|output| {
        json!({ "content_type": output.content_type, "bytes": output.bytes, "path": format!("/v1/jobs/{}/output", job.id) })
    });
    json!({
        "type": format!("job.{}", job.status),
        "timestamp": job.finished,
        "data": {
            "id": job.id,
            "status": job.status,
            "function": job.function,
            "module": job.module,
            "module_name": job.options.module_name,
            "labels": job.options.labels,
            "attempt": job.attempt,
            "created": job.created,
            "started": job.started,
            "finished": job.finished,
            "queued_ms": millis(timings.queued),
            "duration_ms": millis(timings.duration),
            "failure": job.failure,
            "cancelled": job.cancelled,
            "output": output,
        },
    })
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104)")]
fn signature(secret: &SigningSecret, id: &str, at: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.key()).expect("HMAC takes keys of any length");
    for part in [id.as_bytes(), b".", at.as_bytes(), b".", body] {
        mac.update(part);
    }
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_specification() {
        // Of the test vectors of its reference implementations.
        let secret = SigningSecret::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b"{\"test\": 2432232314}");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
