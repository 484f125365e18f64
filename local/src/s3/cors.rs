//! Cross-origin requests, answered by the bucket's rules as S3 answers them.
//!
//! Reference: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html>

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderName, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use tapedeck_infra::deployment::Cors;

/// The reply to a preflight: what the first rule that fits allows, or AWS's refusal.
pub(super) fn preflight(rules: &[Cors], request: &HeaderMap) -> Response<s3s::Body> {
    let asked = text(request, &ACCESS_CONTROL_REQUEST_HEADERS);
    let names = asked.split(',').map(str::trim).filter(|name| !name.is_empty());
    let origin = text(request, &ORIGIN);
    let method = text(request, &ACCESS_CONTROL_REQUEST_METHOD);
    let Some(rule) = rules.iter().find(|rule| rule.allows(origin, method, names.clone())) else {
        let mut refused = Response::new(s3s::Body::from(
            "<Error><Code>AccessForbidden</Code><Message>CORSResponse: This CORS request is not allowed.</Message></Error>".to_owned(),
        ));
        *refused.status_mut() = StatusCode::FORBIDDEN;
        return refused;
    };
    let mut response = Response::new(s3s::Body::empty());
    allow(rule, origin, response.headers_mut());
    set(response.headers_mut(), ACCESS_CONTROL_ALLOW_HEADERS, asked);
    set(response.headers_mut(), ACCESS_CONTROL_MAX_AGE, &rule.max_age.to_string());
    response
}

/// Adds what a page may read of a reply to its request, if a rule fits.
pub(super) fn allow_reply(
    rules: &[Cors],
    origin: Option<&HeaderValue>,
    method: &Method,
    reply: &mut HeaderMap,
) {
    let Some(origin) = origin.and_then(|origin| origin.to_str().ok()) else { return };
    if let Some(rule) = rules.iter().find(|rule| rule.allows(origin, method.as_str(), [])) {
        allow(rule, origin, reply);
    }
}

fn allow(rule: &Cors, origin: &str, reply: &mut HeaderMap) {
    set(reply, ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    set(reply, ACCESS_CONTROL_ALLOW_METHODS, &rule.allowed_methods.join(", "));
    set(reply, ACCESS_CONTROL_EXPOSE_HEADERS, &rule.exposed_headers.join(", "));
    set(reply, VARY, "Origin, Access-Control-Request-Headers, Access-Control-Request-Method");
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // What comes from the request was a header already, and the template's values are ASCII.
    if let Ok(value) = HeaderValue::from_str(value)
        && !value.is_empty()
    {
        headers.insert(name, value);
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
