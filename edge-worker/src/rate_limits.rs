//! How often one address, and one project, may ask at one location: by the platform's limiters, which `wrangler.toml` names.

use std::net::IpAddr;

use tapedeck_core::ids::ProjectId;
use tapedeck_core::sampling::Reason;
use tapedeck_core::upload::parse_upload;
use worker::{Env, RateLimiter, Request};

use crate::log;

/// Requests of one address.
const ADDRESS: &str = "ADDRESS_LIMIT";

/// Uploads to one project.
const PROJECT: &str = "PROJECT_LIMIT";

/// Uploads to one project beyond those, where something went wrong for a visitor or somebody asked for the recording.
const RESERVE: &str = "PROJECT_RESERVE";

/// Counters begin anew each minute, so on average this is how long until then, in seconds.
pub(crate) const RETRY_AFTER_S: u32 = 30;

/// Whether the address that `request` comes from may ask once more.
pub(crate) async fn admit_address(env: &Env, request: &Request) -> bool {
    let address = request.headers().get("cf-connecting-ip").ok().flatten();
    // Only Cloudflare tells it; elsewhere, whatever stands in front has to limit.
    match address.and_then(|address| address.parse().ok()) {
        Some(address) => admit(env, ADDRESS, network(address)).await,
        None => true,
    }
}

/// Whether `project` may receive one more upload with this body: errors, and what somebody asked for, are not starved by the rest.
pub(crate) async fn admit_upload(env: &Env, project: &ProjectId, body: &[u8]) -> bool {
    if admit(env, PROJECT, project.to_string()).await {
        return true;
    }
    match parse_upload(body) {
        Ok((header, _)) if matches!(header.reason, Reason::Error | Reason::Support | Reason::Manual) => {
            admit(env, RESERVE, project.to_string()).await
        }
        _ => false,
    }
}

/// A limiter that is missing, or fails, refuses nobody: it protects, and recording goes on without it.
async fn admit(env: &Env, name: &'static str, key: String) -> bool {
    let limited = match env.get_binding::<RateLimiter>(name) {
        Ok(limiter) => limiter.limit(key).await,
        Err(_) => return true,
    };
    match limited {
        Ok(outcome) => outcome.success,
        Err(error) => {
            log::limiter_failed(name, &error);
            true
        }
    }
}

/// Who an address belongs to: one household has a whole IPv6 network of 64 bits.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        let check = |address: &str, expected: &str| {
            assert_eq!(network(address.parse().expect("an address")), expected);
        };
        check("192.0.2.1", "192.0.2.1");
        check("::ffff:192.0.2.1", "192.0.2.1");
        check("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64");
        check("2001:db8:1:2::", "2001:db8:1:2::/64");
    }
}
