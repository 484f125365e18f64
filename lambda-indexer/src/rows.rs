//! Which rows of a session an invocation writes.

use tapedeck_core::manifest::{Manifest, Page};
use tapedeck_core::object_key::ChunkName;
use tapedeck_core::summary::ChunkSummary;
use tapedeck_core::tables::{RowRules, State, Table, TableRows, rows_of};

/// The rows that come with these chunks of a session: of their errors, and those of the session and its pages with its first chunk. A chunk
/// that comes again brings the same rows again.
#[must_use]
pub fn rows_of_chunks(manifest: &Manifest, summaries: &[ChunkSummary], rules: &RowRules) -> TableRows {
    let rows = rows_of(manifest, summaries, rules, State::Open);
    let first = first_chunk(manifest);
    if summaries.iter().any(|summary| Some(&summary.name) == first.as_ref()) {
        rows
    } else {
        rows.only(Table::Errors)
    }
}

/// The rows of a session that has ended, but for those of errors, which are there since their chunks came.
#[must_use]
pub fn rows_at_end(manifest: &Manifest, pinned: bool, rules: &RowRules) -> TableRows {
    rows_of(manifest, &[], rules, if pinned { State::Pinned } else { State::Ended })
}

fn first_chunk(manifest: &Manifest) -> Option<ChunkName> {
    let chunks =
        manifest.pages.iter().flat_map(|page: &Page| page.chunks.iter().map(move |chunk| (page, chunk)));
    let first = chunks.min_by_key(|(page, chunk)| (chunk.facts.first_ms, page.name_of(chunk)));
    first.map(|(page, chunk)| page.name_of(chunk))
}
