//! The decision on one upload: every check of `spec/upload.md`, in its order.

use std::borrow::Cow;
use std::str::Utf8Error;

use sha2::{Digest, Sha256};

use crate::bots::is_bot;
use crate::config::{BotPolicy, Limits, Pressure, ProjectConfig, UserStorage};
use crate::event_line::{EventLineError, lines, parse_event_line};
use crate::excluded::ExcludedPages;
use crate::grant::{ShareKey, Ticket};
use crate::identify::hash_users;
use crate::ids::{ContentHash, SessionId};
use crate::inflate::{InflateError, deflate, inflate, is_gzip};
use crate::object_key::{ChunkKey, ChunkName};
use crate::sampling::{Reason, rate_of};
use crate::scrub::{ScrubCounts, Scrubbed};
use crate::upload::{HEADER_BYTES_MAX, Header, HeaderError, parse_upload};

/// How far before the session's start the client's clock may be when it sends, in milliseconds.
pub const CLOCK_SLACK_MS: i64 = 5 * 60 * 1000;

/// How far outside start and `sent` an event's time may lie, in milliseconds.
pub const EVENT_TIME_SLACK_MS: i64 = 10 * 60 * 1000;

/// What is known of a request beside its body.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestFacts<'a> {
    /// The `Origin` header.
    pub origin: Option<&'a str>,
    /// The `User-Agent` header.
    pub user_agent: Option<&'a str>,
    /// Whether `Sec-GPC` is `1`: Global Privacy Control, <https://www.w3.org/TR/gpc/>.
    pub gpc: bool,
    /// What support tickets were made with; without it none is believed.
    pub share_key: Option<&'a ShareKey>,
    /// Bytes of this project admitted this UTC day, as far as is known; 0 where it has no budget.
    pub used_bytes: u64,
    /// Two letters, as the platform tells.
    pub country: Option<&'a str>,
    /// Version of the edge, for the chunk's metadata.
    pub edge: &'a str,
    /// The edge's clock, Unix milliseconds.
    pub received_ms: i64,
}

/// What becomes of a batch.
#[derive(Debug)]
pub enum Admission<'a> {
    /// It is to be stored.
    Store(Box<Chunk<'a>>),
    /// It is not wanted; nothing is wrong with it.
    Drop(DropReason),
    /// It breaks a rule.
    Refuse(Refusal),
}

/// A batch that is to be stored.
#[derive(Debug)]
pub struct Chunk<'a> {
    /// Where.
    pub key: ChunkKey,
    /// One gzip member: the client's own bytes, unless they had to be written anew.
    pub body: Cow<'a, [u8]>,
    /// User metadata, names without `x-amz-meta-`.
    pub metadata: Vec<(&'static str, String)>,
    /// What was overwritten in it, by kind.
    pub scrubbed: ScrubCounts,
    /// How many events it holds.
    pub events: usize,
    /// Their bytes.
    pub inflated_bytes: usize,
}

/// Why a batch is not wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReason {
    /// The session is not in the sample.
    NotSampled,
    /// The visitor refused.
    Consent,
    /// The session has lasted long enough; a new one may begin.
    SessionTooLong,
    /// No person's browser.
    Bot,
    /// It has been on a page that the project excludes.
    ExcludedPage,
    /// The project has no more room today.
    OverBudget,
}

/// A rule that a batch breaks. The client can mend it, by the code that `reply` gives.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The body is larger than header and batch may be.
    #[error("body is {found} bytes, limit is {max}")]
    CompressedBytes {
        /// Bytes of the body.
        found: u64,
        /// Limit for the body.
        max: usize,
    },
    /// The page's origin is not one of the project's.
    #[error("origin {} is not one of the project's", .found.as_deref().unwrap_or("(none)"))]
    Origin {
        /// The header, cut.
        found: Option<String>,
    },
    /// The header line.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The client's clock runs backwards.
    #[error("sent is {sent_ms}, the session started at {start_ms} by the same clock")]
    Clock {
        /// The header's `sent`.
        sent_ms: i64,
        /// The session's start.
        start_ms: i64,
    },
    /// The gzip.
    #[error(transparent)]
    Inflate(#[from] InflateError),
    /// Not text.
    #[error("batch is not UTF-8 from byte {valid_bytes}")]
    Utf8 {
        /// How many bytes are.
        valid_bytes: usize,
    },
    /// No events.
    #[error("batch has no events")]
    Empty,
    /// Too many events.
    #[error("batch has over {max} events, which is the limit")]
    Events {
        /// The limit.
        max: usize,
    },
    /// A line that is no event.
    #[error("event {index} (from 0): {source}")]
    Event {
        /// Which line.
        index: usize,
        /// What is wrong with it.
        source: EventLineError,
    },
    /// An event from another time.
    #[error("event {index} (from 0) is of {at_ms}, expected {from_ms} to {to_ms}")]
    EventTime {
        /// Which line.
        index: usize,
        /// Its time.
        at_ms: i64,
        /// Earliest allowed.
        from_ms: i64,
        /// Latest allowed.
        to_ms: i64,
    },
}

/// The largest body, header line included.
#[must_use]
pub fn body_bytes_max(limits: &Limits) -> usize {
    HEADER_BYTES_MAX + 1 + limits.compressed_bytes_max
}

/// Whether a body of that size may be read at all.
///
/// # Errors
/// [`Refusal::CompressedBytes`].
pub fn check_body_bytes(bytes: u64, limits: &Limits) -> Result<(), Refusal> {
    let max = body_bytes_max(limits);
    if bytes > max as u64 { Err(Refusal::CompressedBytes { found: bytes, max }) } else { Ok(()) }
}

/// What is decided of a batch before its name is known.
#[derive(Debug)]
pub enum Decision<'a, 'p> {
    /// It is to be stored.
    Keep(Box<Kept<'a, 'p>>),
    /// As [`Admission::Drop`].
    Drop(DropReason),
    /// As [`Admission::Refuse`].
    Refuse(Refusal),
}

/// A batch that is to be stored, and lacks its hash: a third of the work, which a platform may do faster than we.
#[derive(Debug)]
pub struct Kept<'a, 'p> {
    project: &'p ProjectConfig,
    session: SessionId,
    header: Header,
    metadata: Vec<(&'static str, String)>,
    text: Cow<'a, str>,
    as_it_came: Option<&'a [u8]>,
    events: usize,
}

/// Decides on one upload. Works in memory bounded by the project's limits: the body, the inflated batch, and one more
/// compressed copy only where the client's bytes cannot be stored as they came.
#[must_use]
pub fn admit<'a>(facts: &RequestFacts<'_>, body: &'a [u8], project: &ProjectConfig) -> Admission<'a> {
    match decide(facts, body, project) {
        Decision::Keep(kept) => {
            let sha256 = Sha256::digest(kept.text());
            Admission::Store(Box::new(kept.into_chunk(&sha256.into())))
        }
        Decision::Drop(reason) => Admission::Drop(reason),
        Decision::Refuse(refusal) => Admission::Refuse(refusal),
    }
}

/// [`admit`] but for the hash, for those who have a faster one: [`Kept::into_chunk`] does the rest.
#[must_use]
pub fn decide<'a, 'p>(
    facts: &RequestFacts<'_>,
    body: &'a [u8],
    project: &'p ProjectConfig,
) -> Decision<'a, 'p> {
    try_decide(facts, body, project).unwrap_or_else(Decision::Refuse)
}

impl<'a> Kept<'a, '_> {
    /// The batch as it was received, inflated: what is to be hashed.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// What is to be stored, and where. `sha256` is that of [`Kept::text`].
    #[must_use]
    pub fn into_chunk(self, sha256: &[u8; 32]) -> Chunk<'a> {
        let Self { project, session, header, metadata, text, as_it_came, events } = self;
        // The name is that of what was received: a retry meets its object whatever the scrubbing rules became meanwhile.
        let name = ChunkName { page: header.page, seq: header.seq, hash: ContentHash::of_digest(sha256) };
        let Cleaned { text: clean, counts: scrubbed } = clean(&text, project);
        let body = match (clean, as_it_came) {
            (None, Some(gzip)) => Cow::Borrowed(gzip),
            (None, None) => Cow::Owned(deflate(text.as_bytes())),
            (Some(clean), _) => Cow::Owned(deflate(clean.as_bytes())),
        };
        let key = ChunkKey { project: project.project.clone(), session, name };
        Chunk { key, body, metadata, scrubbed, events, inflated_bytes: text.len() }
    }
}

fn try_decide<'a, 'p>(
    facts: &RequestFacts<'_>,
    body: &'a [u8],
    project: &'p ProjectConfig,
) -> Result<Decision<'a, 'p>, Refusal> {
    let limits = &project.limits;
    check_body_bytes(body.len() as u64, limits)?;
    if !project.origins.iter().any(|pattern| pattern.allows(facts.origin)) {
        return Err(Refusal::Origin { found: facts.origin.map(|o| o.chars().take(200).collect()) });
    }
    if project.bots == BotPolicy::Drop && facts.user_agent.is_some_and(is_bot) {
        return Ok(Decision::Drop(DropReason::Bot));
    }
    let (header, batch) = parse_upload(body)?;
    if batch.len() > limits.compressed_bytes_max {
        let (found, max) = (body.len() as u64, limits.compressed_bytes_max);
        return Err(Refusal::CompressedBytes { found, max });
    }
    let session = header.upload.session();
    let start_ms = session.start_ms();
    if header.sent_ms < start_ms - CLOCK_SLACK_MS {
        return Err(Refusal::Clock { sent_ms: header.sent_ms, start_ms });
    }
    if header.sent_ms.saturating_sub(start_ms) > limits.session_ms_max {
        return Ok(Decision::Drop(DropReason::SessionTooLong));
    }
    if !has_consent(facts, &header, project) {
        return Ok(Decision::Drop(DropReason::Consent));
    }
    let reason = believed_reason(facts, &header, &session, project);
    if let Some(reason) = decide_keeping(facts, &header, &session, reason, project) {
        return Ok(Decision::Drop(reason));
    }

    let Opened { text, as_it_came } = open_batch(batch, limits)?;
    let text = into_text(text)?;
    let Events { count: events, on_excluded_page } = check_events(&text, start_ms, header.sent_ms, project)?;
    if on_excluded_page {
        return Ok(Decision::Drop(DropReason::ExcludedPage));
    }
    let metadata = metadata(facts, &header, reason);
    Ok(Decision::Keep(Box::new(Kept { project, session, header, metadata, text, as_it_came, events })))
}

fn into_text(bytes: Cow<'_, [u8]>) -> Result<Cow<'_, str>, Refusal> {
    let refusal = |error: Utf8Error| Refusal::Utf8 { valid_bytes: error.valid_up_to() };
    match bytes {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(refusal),
        Cow::Owned(bytes) => {
            String::from_utf8(bytes).map(Cow::Owned).map_err(|error| refusal(error.utf8_error()))
        }
    }
}

/// Whether the visitor may be recorded. Who was asked and agreed has said more than the browser's general wish.
fn has_consent(facts: &RequestFacts<'_>, header: &Header, project: &ProjectConfig) -> bool {
    let privacy = &project.privacy;
    let needs_a_yes = privacy.require_consent || (privacy.honour_gpc && facts.gpc);
    header.consent.unwrap_or(!needs_a_yes)
}

/// The reason that picks the rate. Without a ticket of ours, `support` is a claim that anybody can make.
fn believed_reason(
    facts: &RequestFacts<'_>,
    header: &Header,
    session: &SessionId,
    project: &ProjectConfig,
) -> Reason {
    if header.reason != Reason::Support {
        return header.reason;
    }
    let ticket = header.support.as_deref().zip(facts.share_key);
    let ticket = ticket
        .and_then(|(text, key)| Ticket::open(text, key, &project.project, project.share_epoch))
        .filter(|t| t.holds(session.start_ms(), facts.received_ms, project.limits.session_ms_max));
    if ticket.is_some() { Reason::Support } else { Reason::All }
}

/// Why the batch is not kept, by sampling and budget; `None` if it is.
fn decide_keeping(
    facts: &RequestFacts<'_>,
    header: &Header,
    session: &SessionId,
    reason: Reason,
    project: &ProjectConfig,
) -> Option<DropReason> {
    let rate = rate_of(&project.sampling, session, reason, &header.segments);
    let is_below = |rate| session.fraction() < rate;
    let pressure = project.budget.map_or(Pressure::None, |budget| budget.pressure(facts.used_bytes, reason));
    match pressure {
        _ if !is_below(rate) => Some(DropReason::NotSampled),
        Pressure::Over => Some(DropReason::OverBudget),
        Pressure::Halved if !is_below(rate / 2.0) => Some(DropReason::NotSampled),
        Pressure::Halved | Pressure::None => None,
    }
}

/// What is stored in place of a batch's text.
struct Cleaned {
    /// `None` where it is the text itself.
    text: Option<String>,
    counts: ScrubCounts,
}

fn clean(text: &str, project: &ProjectConfig) -> Cleaned {
    let (scrubbed, counts) = match project.scrub.scrub(text) {
        Some(Scrubbed { text, counts }) => (Some(text), counts),
        None => (None, ScrubCounts::new()),
    };
    let key = project.user_hash_key.as_ref().filter(|_| project.users == UserStorage::Hashed);
    let hashed = key.and_then(|key| hash_users(scrubbed.as_deref().unwrap_or(text), key));
    Cleaned { text: hashed.or(scrubbed), counts }
}

/// A batch's text.
struct Opened<'a> {
    text: Cow<'a, [u8]>,
    /// The client's own gzip, where it can be stored as it came.
    as_it_came: Option<&'a [u8]>,
}

fn open_batch<'a>(batch: &'a [u8], limits: &Limits) -> Result<Opened<'a>, Refusal> {
    if !is_gzip(batch) {
        if batch.len() > limits.inflated_bytes_max {
            return Err(InflateError::TooLarge { max: limits.inflated_bytes_max }.into());
        }
        return Ok(Opened { text: Cow::Borrowed(batch), as_it_came: None });
    }
    let inflated = inflate(batch, limits.inflated_bytes_max, limits.ratio_max)?;
    // Browsers stop at the first member, so what has several is written anew as one.
    Ok(Opened { text: Cow::Owned(inflated.bytes), as_it_came: (inflated.members == 1).then_some(batch) })
}

/// What is known of a batch's events once all of them are well-formed and of the session's time.
struct Events {
    count: usize,
    on_excluded_page: bool,
}

fn check_events(text: &str, start_ms: i64, sent_ms: i64, project: &ProjectConfig) -> Result<Events, Refusal> {
    let limits = &project.limits;
    let (from_ms, to_ms) = (start_ms - EVENT_TIME_SLACK_MS, sent_ms.saturating_add(EVENT_TIME_SLACK_MS));
    let mut excluded = ExcludedPages::new(&project.excluded_pages);
    let mut events = Events { count: 0, on_excluded_page: false };
    for (index, line) in lines(text).enumerate() {
        if index == limits.events_max {
            return Err(Refusal::Events { max: limits.events_max });
        }
        let event = parse_event_line(line).map_err(|source| Refusal::Event { index, source })?;
        if !(from_ms..=to_ms).contains(&event.at_ms) {
            return Err(Refusal::EventTime { index, at_ms: event.at_ms, from_ms, to_ms });
        }
        events.on_excluded_page |= excluded.names_one(&event);
        events.count = index + 1;
    }
    if events.count == 0 { Err(Refusal::Empty) } else { Ok(events) }
}

/// What is stored beside the chunk: `spec/objects.md`.
fn metadata(facts: &RequestFacts<'_>, header: &Header, reason: Reason) -> Vec<(&'static str, String)> {
    let mut metadata = vec![
        ("received-ms", facts.received_ms.to_string()),
        ("sent-ms", header.sent_ms.to_string()),
        ("reason", reason.as_str().to_owned()),
        ("edge", facts.edge.to_owned()),
    ];
    if let Some(sdk) = &header.sdk {
        metadata.push(("sdk", sdk.chars().map(|c| if is_label(c) { c } else { '_' }).collect()));
    }
    if let Some(country) = facts.country.filter(|c| c.len() == 2 && c.bytes().all(|b| b.is_ascii_uppercase()))
    {
        metadata.push(("country", country.to_owned()));
    }
    if !header.segments.is_empty() {
        let encoded: Vec<String> = header
            .segments
            .iter()
            .map(|name| url::form_urlencoded::byte_serialize(name.as_bytes()).collect())
            .collect();
        metadata.push(("segments", encoded.join(",")));
    }
    metadata
}

fn is_label(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '@' | '+' | '-')
}

#[cfg(test)]
mod tests;
