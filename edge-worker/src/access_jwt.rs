//! Assertions of Cloudflare Access: <https://developers.cloudflare.com/cloudflare-one/identity/authorization-cookie/application-token>.

use tapedeck_core::config::{AccessConfig, Role};
use tapedeck_core::viewer::{access_identity, bounded_name};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen(module = "/src/access_jwt.mjs")]
extern "C" {
    /// The claims as JSON; undefined if the assertion is none of this team for this audience.
    #[wasm_bindgen(catch)]
    async fn verify(assertion: &str, team: &str, audience: &str) -> Result<JsValue, JsValue>;
}

/// The team's keys cannot be read. It may pass by itself.
#[derive(Debug, thiserror::Error)]
#[error("the keys of {team} cannot be read: {reason}")]
pub(crate) struct KeysError {
    team: String,
    reason: String,
}

/// Who an assertion is for and what that one may; `None` if it is not to be believed, or none of the groups may anything.
///
/// # Errors
/// [`KeysError`]
pub(crate) async fn identify(
    assertion: &str,
    access: &AccessConfig,
) -> Result<Option<(String, Role)>, KeysError> {
    let claims = verify(assertion, &access.team, &access.audience).await.map_err(|error| {
        let reason = bounded_name(&format!("{error:?}"));
        KeysError { team: access.team.clone(), reason }
    })?;
    Ok(claims.as_string().and_then(|claims| access_identity(&claims, access)))
}
