//! The rows of one session, from its manifest and what was read of its chunks.

use std::collections::BTreeSet;

use super::{Cell, Row, Table, TableRows};
use crate::config::{ErrorFacts, ErrorRules, ProjectConfig};
use crate::day::Day;
use crate::error_group::Noise;
use crate::manifest::{Manifest, Page};
use crate::route::route_of;
use crate::summary::{ChunkSummary, Counts, ErrorDetail, ErrorMark, Marker, MarkerKind, Position, Vital};
use crate::user_agent::{Device, parse_user_agent};

/// What of a project's config rows depend on.
#[derive(Debug, Clone, Default)]
pub struct RowRules {
    /// The config's revision, 0 where there is no config.
    pub revision: u64,
    /// How errors are grouped, and which are known.
    pub errors: ErrorRules,
}

impl RowRules {
    /// From a project's config.
    #[must_use]
    pub fn of(config: &ProjectConfig) -> Self {
        Self { revision: config.revision, errors: config.errors.clone() }
    }
}

/// What is known of a session beside its chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// More may come.
    Open,
    /// It has ended.
    Ended,
    /// It has ended, and is pinned.
    Pinned,
}

/// The rows of one session: of `sessions` and `pages` by its manifest, of `errors` those of `summaries`, which are chunks of the
/// same session. Give all of its chunks that have errors for all of its rows.
#[must_use]
pub fn rows_of(manifest: &Manifest, summaries: &[ChunkSummary], rules: &RowRules, state: State) -> TableRows {
    let session = Session::new(manifest, rules);
    let day = Day::of_ms(manifest.session.start_ms());
    let mut rows = TableRows::new();
    rows.add(&manifest.project, Table::Sessions, day, [session.row(state)]);
    rows.add(&manifest.project, Table::Pages, day, manifest.pages.iter().map(|page| session.page(page)));
    let errors = summaries.iter().flat_map(|summary| session.errors(summary));
    rows.add(&manifest.project, Table::Errors, day, errors);
    rows
}

/// What all rows of a session share.
struct Session<'a> {
    manifest: &'a Manifest,
    rules: &'a RowRules,
    is_bot: bool,
    common: Vec<(&'static str, Cell)>,
}

impl<'a> Session<'a> {
    fn new(manifest: &'a Manifest, rules: &'a RowRules) -> Self {
        let environment = manifest.environment.as_ref();
        let agent = environment
            .and_then(|environment| environment.browser.user_agent.as_deref())
            .map(parse_user_agent)
            .unwrap_or_default();
        let text = |text: Option<&String>| Cell::text(text.cloned());
        let common = vec![
            ("session", Cell::Text(manifest.session.to_string())),
            ("started_ms", Cell::Time(manifest.started_ms)),
            ("core", Cell::count(manifest.core.into())),
            ("config", Cell::size(rules.revision)),
            ("chunks", Cell::count(manifest.counts.chunks)),
            ("users", Cell::list(&manifest.users)),
            ("release", text(environment.and_then(|environment| environment.release.as_ref()))),
            ("environment", text(environment.and_then(|environment| environment.environment.as_ref()))),
            ("country", text(manifest.countries.first())),
            ("browser", Cell::text(agent.browser)),
            ("browser_version", Cell::text(agent.browser_version)),
            ("os", Cell::text(agent.os)),
            ("device", Cell::text(Some(agent.device.name()))),
            ("segments", Cell::list(&manifest.segments)),
        ];
        Self { manifest, rules, is_bot: agent.device == Device::Bot, common }
    }

    fn with(&self, table: Table, own: Vec<(&'static str, Cell)>) -> Row {
        let mut row = Row::empty(table);
        for (name, cell) in self.common.iter().cloned().chain(own) {
            row.set(table, name, cell);
        }
        row
    }

    fn row(&self, state: State) -> Row {
        let manifest = self.manifest;
        let counts = &manifest.counts;
        let browser = manifest.environment.as_ref().map(|environment| &environment.browser);
        let viewport = browser.and_then(|browser| browser.viewport);
        let side = |n: Option<u32>| n.map_or(Cell::Null, |n| Cell::count(n.into()));
        let tabs: BTreeSet<_> =
            manifest.pages.iter().filter_map(|page| page.opening.as_ref()?.tab.as_ref()).collect();
        let entry = manifest.pages.first().and_then(|page| page.opening.as_ref());
        let missing: u64 = manifest.gaps.iter().map(|gap| u64::from(gap.to_seq - gap.from_seq)).sum();
        let mut own = vec![
            ("state", Cell::text(Some(if state == State::Open { "open" } else { "ended" }))),
            ("ended_ms", Cell::Time(manifest.ended_ms)),
            ("duration_ms", Cell::Long(manifest.ended_ms.saturating_sub(manifest.started_ms))),
            ("language", Cell::text(browser.and_then(|browser| browser.languages.first().cloned()))),
            ("time_zone", Cell::text(browser.and_then(|browser| browser.time_zone.clone()))),
            ("viewport_width", side(viewport.map(|(width, _)| width))),
            ("viewport_height", side(viewport.map(|(_, height)| height))),
            ("entry_url", Cell::text(entry.and_then(|opening| opening.url.clone()))),
            ("exit_url", Cell::text(self.exit_url())),
            ("active_ms", Cell::size(manifest.active_ms)),
            ("reason", Cell::text(manifest.reason.as_ref().map(|reason| reason.reason.clone()))),
            ("urls", Cell::list(&manifest.routes)),
            ("referrer", Cell::text(entry.and_then(|opening| opening.referrer.clone()))),
            ("fingerprints", Cell::list(&manifest.fingerprints)),
            ("custom_events", Cell::list(&manifest.custom_events)),
            ("page_loads", Cell::count(manifest.pages.len() as u64)),
            ("tabs", Cell::count(tabs.len() as u64)),
            ("events", Cell::count(counts.events)),
            ("console_errors", Cell::count(counts.counts.console_errors)),
            ("missing_chunks", Cell::count(missing)),
            ("bytes", Cell::size(counts.bytes)),
            ("inflated_bytes", Cell::size(counts.inflated_bytes)),
            ("pinned", Cell::Bool(state == State::Pinned)),
        ];
        own.extend(shared_counts(&counts.counts));
        self.with(Table::Sessions, own)
    }

    /// The address that the page load with the last event had at the end.
    fn exit_url(&self) -> Option<String> {
        let pages = self.manifest.pages.iter().filter(|page| !page.chunks.is_empty());
        let last = pages.max_by_key(|page| (page.last_ms, &page.page))?;
        self.url_at(last, &[], None)
    }

    /// The address of a page load at a position: its last navigation before, among the markers of the manifest and `others`.
    fn url_at(
        &self,
        page: &Page,
        others: &[(&Position, &Marker)],
        before: Option<&Position>,
    ) -> Option<String> {
        let known = self.manifest.markers.iter().map(|marker| (&marker.at, &marker.what));
        let navigation = known
            .chain(others.iter().copied())
            .filter(|(at, marker)| {
                at.page == page.page
                    && marker.kind == MarkerKind::Navigation
                    && before.is_none_or(|before| *at < before)
            })
            .max_by_key(|(at, _)| *at);
        let opened = page.opening.as_ref()?.url.clone();
        match (navigation, opened) {
            (Some((_, marker)), Some(opened)) => {
                let joined = url::Url::parse(&opened).and_then(|base| base.join(&marker.label));
                Some(joined.map_or_else(|_| marker.label.clone(), String::from))
            }
            (Some((_, marker)), None) => Some(marker.label.clone()),
            (None, opened) => opened,
        }
    }

    fn page(&self, page: &Page) -> Row {
        let opening = page.opening.as_ref();
        let url = opening.and_then(|opening| opening.url.clone());
        let mut counts =
            page.chunks.iter().fold(Counts::default(), |sum, chunk| sum.plus(&chunk.facts.counts));
        counts.rage_clicks = page.bursts(&self.manifest.clicks).0;
        let mut own = vec![
            ("page", Cell::Text(page.page.to_string())),
            ("tab", Cell::text(opening.and_then(|opening| opening.tab.clone()))),
            ("first_ms", Cell::Time(page.first_ms)),
            ("last_ms", Cell::Time(page.last_ms)),
            ("route", Cell::text(url.as_deref().map(route_of))),
            ("url", Cell::text(url)),
            ("title", Cell::text(opening.and_then(|opening| opening.title.clone()))),
            ("referrer", Cell::text(opening.and_then(|opening| opening.referrer.clone()))),
        ];
        own.extend(shared_counts(&counts));
        let vitals = self.manifest.vitals.iter().filter(|mark| mark.at.page == page.page);
        own.extend(vitals.map(|mark| {
            let name = match mark.name {
                Vital::Lcp => "lcp_ms",
                Vital::Inp => "inp_ms",
                Vital::Fcp => "fcp_ms",
                Vital::Ttfb => "ttfb_ms",
                Vital::Cls => "cls",
            };
            // Below 2^53: the summary bounds it.
            #[allow(clippy::cast_precision_loss)]
            let value = mark.thousandths as f64 / 1_000.0;
            (name, Cell::Double(value))
        }));
        self.with(Table::Pages, own)
    }

    fn errors(&self, summary: &ChunkSummary) -> Vec<Row> {
        let markers: Vec<(&Position, &Marker)> = summary.markers.iter().collect();
        let unknown = ErrorDetail::default();
        summary
            .errors
            .iter()
            .map(|(at, error)| {
                let detail = summary.details.get(at).unwrap_or(&unknown);
                self.error(at, error, detail, &markers)
            })
            .collect()
    }

    fn error(
        &self,
        at: &Position,
        error: &ErrorMark,
        detail: &ErrorDetail,
        markers: &[(&Position, &Marker)],
    ) -> Row {
        let page = self.manifest.pages.iter().find(|page| page.page == at.page);
        let url = page.and_then(|page| self.url_at(page, markers, Some(at)));
        let known = self.manifest.markers.iter().map(|marker| (&marker.at, &marker.what));
        let user = known
            .chain(markers.iter().copied())
            .filter(|(when, marker)| {
                marker.kind == MarkerKind::Identify && *when < at && !marker.label.is_empty()
            })
            .max_by_key(|(when, _)| *when)
            .map(|(_, marker)| marker.label.clone());
        let frames: Vec<&str> = detail.files.iter().map(String::as_str).collect();
        let facts = ErrorFacts {
            error_type: error.error_type.as_deref().unwrap_or_default(),
            message: &error.message,
            url: url.as_deref().unwrap_or_default(),
            frames: &frames,
        };
        let noise = error
            .noise
            .or_else(|| self.rules.errors.is_noise(&facts).then_some(Noise::Known))
            .or_else(|| self.is_bot.then_some(Noise::Bot));
        let number = |n: Option<u32>| n.map_or(Cell::Null, |n| Cell::count(n.into()));
        let own = vec![
            ("page", Cell::Text(at.page.to_string())),
            ("seq", Cell::count(at.seq.get().into())),
            ("hash", Cell::Text(at.hash.to_string())),
            ("event", Cell::count(at.event as u64)),
            ("at_ms", Cell::Time(at.at_ms)),
            ("fingerprint", Cell::text(error.fingerprint.clone())),
            ("group", Cell::text(self.rules.errors.group(&facts))),
            ("type", Cell::text(error.error_type.clone())),
            ("message", Cell::Text(error.message.clone())),
            ("title", Cell::Text(detail.title.clone())),
            ("handled", detail.handled.map_or(Cell::Null, Cell::Bool)),
            ("in_app", Cell::Bool(detail.source.is_some())),
            ("mechanism", Cell::text(detail.mechanism.clone())),
            ("source", Cell::text(detail.source.clone())),
            ("function", Cell::text(detail.function.clone())),
            ("line", number(detail.line)),
            ("column", number(detail.column)),
            ("route", Cell::text(url.as_deref().map(route_of))),
            ("url", Cell::text(url)),
            ("user", Cell::text(user)),
            ("noise", Cell::text(noise.map(Noise::name))),
            ("trace", Cell::text(detail.trace.clone())),
        ];
        self.with(Table::Errors, own)
    }
}

/// Counts that `sessions` and `pages` both have.
fn shared_counts(counts: &Counts) -> impl Iterator<Item = (&'static str, Cell)> {
    [
        ("errors", counts.errors),
        ("requests", counts.requests),
        ("failed_requests", counts.failed_requests),
        ("clicks", counts.clicks),
        ("rage_clicks", counts.rage_clicks),
        ("dead_clicks", counts.dead_clicks),
        ("inputs", counts.inputs),
        ("long_tasks", counts.long_tasks),
    ]
    .into_iter()
    .map(|(name, n)| (name, Cell::count(n)))
}

#[cfg(test)]
mod tests;
