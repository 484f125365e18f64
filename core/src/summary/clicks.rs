//! Bursts of clicks in one place: found within a chunk while it is read, and across the edges of chunks from the few clicks that each
//! chunk keeps there (`spec/manifest.md`, "Rage clicks").

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::config::Clicks;

/// Most bursts kept of one chunk: the first ones, and the last.
const BURSTS_MAX: usize = 8;

/// A click as rrweb records it: written as `[at_ms, x, y, event]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(i64, i32, i32, usize)", into = "(i64, i32, i32, usize)")]
pub struct Click {
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// CSS pixels from the viewport's left.
    pub x: i32,
    /// CSS pixels from the viewport's top.
    pub y: i32,
    /// Index of its event in the chunk.
    pub event: usize,
}

impl From<(i64, i32, i32, usize)> for Click {
    fn from((at_ms, x, y, event): (i64, i32, i32, usize)) -> Self {
        Self { at_ms, x, y, event }
    }
}

impl From<Click> for (i64, i32, i32, usize) {
    fn from(click: Click) -> Self {
        (click.at_ms, click.x, click.y, click.event)
    }
}

/// A burst within one chunk: written as `[at_ms, first event, last event, clicks]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(i64, usize, usize, u64)", into = "(i64, usize, usize, u64)")]
pub struct Burst {
    /// When its first click was, Unix milliseconds.
    pub at_ms: i64,
    /// The first click's event.
    pub first: usize,
    /// The last click's event.
    pub last: usize,
    /// How many clicks it has.
    pub clicks: u64,
}

impl From<(i64, usize, usize, u64)> for Burst {
    fn from((at_ms, first, last, clicks): (i64, usize, usize, u64)) -> Self {
        Self { at_ms, first, last, clicks }
    }
}

impl From<Burst> for (i64, usize, usize, u64) {
    fn from(burst: Burst) -> Self {
        (burst.at_ms, burst.first, burst.last, burst.clicks)
    }
}

/// What a chunk keeps of its clicks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClickTrail {
    /// Its first clicks, as far as a burst may have begun before the chunk.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub head: Vec<Click>,
    /// Its last clicks but those in `head`, as far as a burst may go on behind the chunk.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tail: Vec<Click>,
    /// Bursts that lie whole in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bursts: Vec<Burst>,
}

impl ClickTrail {
    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether so many clicks in a row are within the time and the place of a burst.
fn is_window(clicks: &[Click], rules: &Clicks) -> bool {
    let [first, .., last] = clicks else { return false };
    let took = last.at_ms.saturating_sub(first.at_ms);
    let near = |click: &Click| {
        let (dx, dy) = (i64::from(click.x) - i64::from(first.x), i64::from(click.y) - i64::from(first.y));
        dx.saturating_pow(2).saturating_add(dy.saturating_pow(2)) <= i64::from(rules.rage_px).pow(2)
    };
    (0..=i64::from(rules.rage_ms)).contains(&took) && clicks.iter().all(near)
}

fn window_len(rules: &Clicks) -> usize {
    usize::try_from(rules.rage_count).unwrap_or(usize::MAX).max(2)
}

/// Finds bursts while a chunk is read. Holds twice as many clicks as a burst needs, and a few bursts.
#[derive(Debug)]
pub(super) struct BurstFinder {
    rules: Clicks,
    clicks: u64,
    head: Vec<Click>,
    /// The last clicks, each with how many came before it.
    recent: VecDeque<(u64, Click)>,
    bursts: Vec<Burst>,
    /// How many clicks came before the last one of the last burst.
    last_of_burst: u64,
    found: u64,
}

impl BurstFinder {
    pub(super) fn new(rules: Clicks) -> Self {
        let (head, recent, bursts) = (Vec::new(), VecDeque::new(), Vec::new());
        Self { rules, clicks: 0, head, recent, bursts, last_of_burst: 0, found: 0 }
    }

    pub(super) fn push(&mut self, click: Click) {
        let length = window_len(&self.rules);
        let index = self.clicks;
        self.clicks += 1;
        if self.head.len() + 1 < length {
            self.head.push(click);
        }
        self.recent.push_back((index, click));
        if self.recent.len() > length {
            self.recent.pop_front();
        }
        let window: Vec<Click> = self.recent.iter().map(|(_, click)| *click).collect();
        if window.len() < length || !is_window(&window, &self.rules) {
            return;
        }
        let (first, begun) = (self.recent[0].0, window[0]);
        let goes_on = self.found > 0 && first <= self.last_of_burst;
        if let Some(burst) = self.bursts.last_mut().filter(|_| goes_on) {
            burst.clicks += index - self.last_of_burst;
            burst.last = click.event;
        } else {
            self.found += 1;
            // The last one has to stay: it may go on in the next chunk.
            if self.bursts.len() == BURSTS_MAX {
                self.bursts.pop();
            }
            let clicks = length as u64;
            self.bursts.push(Burst { at_ms: begun.at_ms, first: begun.event, last: click.event, clicks });
        }
        self.last_of_burst = index;
    }

    /// How many bursts there are, and what the chunk keeps of its clicks.
    pub(super) fn finish(self, first_ms: i64, last_ms: i64) -> (u64, ClickTrail) {
        let length = window_len(&self.rules);
        let reach = i64::from(self.rules.rage_ms);
        let head: Vec<Click> =
            self.head.into_iter().take_while(|click| click.at_ms.saturating_sub(first_ms) <= reach).collect();
        let headed = head.len() as u64;
        let mut tail: Vec<Click> = self
            .recent
            .into_iter()
            .rev()
            .take(length - 1)
            .take_while(|(index, click)| *index >= headed && last_ms.saturating_sub(click.at_ms) <= reach)
            .map(|(_, click)| click)
            .collect();
        tail.reverse();
        (self.found, ClickTrail { head, tail, bursts: self.bursts })
    }
}

/// One chunk of a page load, in the order of its seqs.
pub(crate) struct ChunkClicks<'a> {
    pub(crate) seq: u32,
    pub(crate) clicks: u64,
    pub(crate) bursts: u64,
    pub(crate) trail: &'a ClickTrail,
}

/// A burst over one or more chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageBurst {
    /// Which of the chunks has its first click.
    pub(crate) chunk: usize,
    /// The first click's event in it.
    pub(crate) event: usize,
    pub(crate) at_ms: i64,
    pub(crate) clicks: u64,
}

/// How many bursts a page load has, and those that are kept of them, in the order of their first clicks.
pub(crate) fn bursts_of_page(chunks: &[ChunkClicks<'_>], rules: &Clicks) -> (u64, Vec<PageBurst>) {
    /// From one click to another: `(chunk, event)`, both included.
    struct Span {
        from: (usize, usize),
        to: (usize, usize),
        at_ms: i64,
        clicks: u64,
        inside: u64,
    }
    let mut spans: Vec<Span> = Vec::new();
    for (i, chunk) in chunks.iter().enumerate() {
        spans.extend(chunk.trail.bursts.iter().map(|burst| Span {
            from: (i, burst.first),
            to: (i, burst.last),
            at_ms: burst.at_ms,
            clicks: burst.clicks,
            inside: 1,
        }));
    }
    let counted: u64 = chunks.iter().map(|chunk| chunk.bursts).sum();

    // Rows of clicks of which none is missing in between.
    let length = window_len(rules);
    let mut row: Vec<(usize, Click)> = Vec::new();
    let mut across: Vec<Vec<(usize, Click)>> = Vec::new();
    let mut expected = None;
    let mut end_row = |row: &mut Vec<(usize, Click)>| {
        for window in row.windows(length) {
            let clicks: Vec<Click> = window.iter().map(|(_, click)| *click).collect();
            if window[0].0 != window[length - 1].0 && is_window(&clicks, rules) {
                across.push(window.to_vec());
            }
        }
        row.clear();
    };
    for (i, chunk) in chunks.iter().enumerate() {
        if expected.is_some_and(|expected| expected != chunk.seq) {
            end_row(&mut row);
        }
        expected = Some(chunk.seq + 1);
        let ClickTrail { head, tail, .. } = chunk.trail;
        row.extend(head.iter().map(|click| (i, *click)));
        if ((head.len() + tail.len()) as u64) < chunk.clicks {
            end_row(&mut row);
        }
        row.extend(tail.iter().map(|click| (i, *click)));
    }
    end_row(&mut row);

    for window in across {
        let position = |(chunk, click): (usize, Click)| (chunk, click.event);
        let (first, last) = (window[0], window[length - 1]);
        spans.push(Span {
            from: position(first),
            to: position(last),
            at_ms: first.1.at_ms,
            clicks: 0,
            inside: 0,
        });
        // A click that another span covers already is counted there.
        let last_index = spans.len() - 1;
        let fresh = window
            .iter()
            .map(|click| position(*click))
            .filter(|at| !spans[..last_index].iter().any(|span| span.from <= *at && *at <= span.to))
            .count();
        spans[last_index].clicks = fresh as u64;
    }
    spans.sort_by_key(|span| (span.from, span.to));
    let mut joined: Vec<Span> = Vec::new();
    let mut total = counted;
    for span in spans {
        match joined.last_mut().filter(|last| span.from <= last.to) {
            Some(last) => {
                last.to = last.to.max(span.to);
                last.clicks += span.clicks;
                last.inside += span.inside;
            }
            None => joined.push(span),
        }
    }
    for span in &joined {
        total = (total + 1).saturating_sub(span.inside);
    }
    let bursts = joined.into_iter().map(|span| PageBurst {
        chunk: span.from.0,
        event: span.from.1,
        at_ms: span.at_ms,
        clicks: span.clicks,
    });
    (total, bursts.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULES: Clicks = Clicks { rage_count: 3, rage_ms: 1_000, rage_px: 30, dead_ms: 1_500 };

    /// Bursts of clicks that come in chunks: `(at_ms, x)`.
    fn found(chunks: &[Vec<(i64, i32)>]) -> (u64, Vec<(i64, u64)>) {
        let read: Vec<(u64, u64, ClickTrail)> = chunks
            .iter()
            .map(|clicks| {
                let mut finder = BurstFinder::new(RULES);
                for (event, (at_ms, x)) in clicks.iter().enumerate() {
                    finder.push(Click { at_ms: *at_ms, x: *x, y: 0, event });
                }
                let first_ms = clicks.first().map_or(0, |click| click.0);
                let last_ms = clicks.last().map_or(0, |click| click.0);
                let (bursts, trail) = finder.finish(first_ms, last_ms);
                (clicks.len() as u64, bursts, trail)
            })
            .collect();
        let chunks: Vec<ChunkClicks<'_>> = read
            .iter()
            .enumerate()
            .map(|(seq, (clicks, bursts, trail))| ChunkClicks {
                seq: u32::try_from(seq).expect("few"),
                clicks: *clicks,
                bursts: *bursts,
                trail,
            })
            .collect();
        let (total, bursts) = bursts_of_page(&chunks, &RULES);
        (total, bursts.iter().map(|burst| (burst.at_ms, burst.clicks)).collect())
    }

    fn check(clicks: &[(i64, i32)], expected: &[(i64, u64)]) {
        assert_eq!(found(&[clicks.to_vec()]), (expected.len() as u64, expected.to_vec()), "{clicks:?}");
    }

    #[test]
    fn time_and_place_have_limits() {
        check(&[(0, 0), (500, 0)], &[]);
        check(&[(0, 0), (500, 0), (1_000, 0)], &[(0, 3)]);
        check(&[(0, 0), (500, 0), (1_001, 0)], &[]);
        check(&[(0, 0), (100, 30), (200, 0)], &[(0, 3)]);
        check(&[(0, 0), (100, 31), (200, 0)], &[]);
        check(&[(0, 0), (100, 0), (200, 0), (300, 0), (1_200, 0)], &[(0, 5)]);
        check(&[(0, 0), (1, 0), (2, 0), (3, 500), (4, 500), (5, 500)], &[(0, 3), (3, 3)]);
    }

    #[test]
    fn a_missing_chunk_ends_a_burst() {
        let trail = ClickTrail {
            tail: vec![Click { at_ms: 0, x: 0, y: 0, event: 0 }, Click { at_ms: 1, x: 0, y: 0, event: 1 }],
            ..ClickTrail::default()
        };
        let next =
            ClickTrail { head: vec![Click { at_ms: 2, x: 0, y: 0, event: 0 }], ..ClickTrail::default() };
        let bursts = |seq| {
            let first = ChunkClicks { seq: 0, clicks: 2, bursts: 0, trail: &trail };
            bursts_of_page(&[first, ChunkClicks { seq, clicks: 1, bursts: 0, trail: &next }], &RULES).0
        };
        assert_eq!((bursts(1), bursts(2)), (1, 0));
    }

    proptest! {
        /// Wherever a page's clicks are cut into chunks, the bursts are those of the whole.
        #[test]
        fn edges_change_nothing(
            steps in proptest::collection::vec((0..700_i64, 0..3_i32), 1..40),
            cuts in proptest::collection::vec(0..40_usize, 0..6),
        ) {
            let mut at_ms = 0;
            let clicks: Vec<(i64, i32)> = steps.iter().map(|(step, x)| { at_ms += step; (at_ms, x * 25) }).collect();
            let mut chunks: Vec<Vec<(i64, i32)>> = vec![Vec::new()];
            for (i, click) in clicks.iter().enumerate() {
                if cuts.contains(&i) {
                    chunks.push(Vec::new());
                }
                chunks.last_mut().expect("one").push(*click);
            }
            chunks.retain(|chunk| !chunk.is_empty());
            let (whole, pieces) = (found(std::slice::from_ref(&clicks)), found(&chunks));
            prop_assert_eq!(whole.0, pieces.0);
            // More bursts than a chunk keeps are counted alone.
            if whole.0 <= BURSTS_MAX as u64 {
                prop_assert_eq!(whole.1, pieces.1);
            }
        }
    }
}
