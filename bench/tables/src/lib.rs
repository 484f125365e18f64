//! Rows of a shop that was visited a great many times, and the files that the indexer's own writer makes of them (`spec/tables.md`).
//!
//! The same numbers give the same rows. What a reader's cost depends on is made as it is in real tables: sessions spread over the day, a few users and
//! errors that come often and many that come once, ids and addresses that do not compress.

use sha2::{Digest, Sha256};
use tapedeck_core::day::Day;
use tapedeck_core::ids::{IndexFileId, ProjectId};
use tapedeck_core::object_key::IndexKey;
use tapedeck_core::tables::{Cell, Level, Row, Table, fold};
use tapedeck_indexer::parquet_file::{FileError, encode_file};

const DAY_MS: i64 = 86_400_000;

/// Users that come again. Half of all visits are theirs.
const USERS: usize = 200_000;

/// Errors that there are, the first ones the most frequent.
const GROUPS: usize = 400;

const ROUTES: [&str; 24] = [
    "/",
    "/products",
    "/products/:id",
    "/search",
    "/cart",
    "/checkout",
    "/checkout/address",
    "/checkout/payment",
    "/orders",
    "/orders/:id",
    "/account",
    "/account/addresses",
    "/account/payment",
    "/login",
    "/register",
    "/help",
    "/help/:id",
    "/blog",
    "/blog/:id",
    "/about",
    "/returns",
    "/returns/:id",
    "/wishlist",
    "/gift-cards",
];
const RELEASES: [&str; 5] = ["shop@4.12.0", "shop@4.12.0", "shop@4.11.3", "shop@4.11.2", "shop@4.13.0-rc.1"];
const COUNTRIES: [&str; 12] = ["US", "US", "US", "DE", "DE", "GB", "FR", "JP", "BR", "IN", "NL", "SE"];
const LANGUAGES: [&str; 6] = ["en-US", "en-GB", "de-DE", "fr-FR", "ja-JP", "pt-BR"];

/// The rows of some sessions.
#[derive(Debug, Default)]
pub struct Rows {
    /// Of `sessions`.
    pub sessions: Vec<Row>,
    /// Of `errors`.
    pub errors: Vec<Row>,
    /// Of `pages`.
    pub pages: Vec<Row>,
}

impl Rows {
    /// The rows of one table.
    #[must_use]
    pub fn of(self, table: Table) -> Vec<Row> {
        match table {
            Table::Sessions => self.sessions,
            Table::Errors => self.errors,
            Table::Pages => self.pages,
        }
    }
}

/// The rows of `count` sessions that start within `from_ms` to `to_ms` (exclusive), Unix milliseconds. Another `seed` makes others.
#[must_use]
pub fn rows(count: usize, from_ms: i64, to_ms: i64, seed: u64) -> Rows {
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut rows = Rows::default();
    for _ in 0..count {
        Visit::draw(&mut chance, from_ms, to_ms).add_to(&mut rows, &mut chance);
    }
    rows
}

/// A file of one table and its key.
///
/// # Errors
/// None in practice, as [`encode_file`] has it.
pub fn file(
    project: &ProjectId,
    table: Table,
    day: Day,
    level: Level,
    rows: Vec<Row>,
) -> Result<(IndexKey, Vec<u8>), FileError> {
    let body = encode_file(table, level, &fold(table, rows))?;
    let id = IndexFileId::of_digest(&Sha256::digest(&body));
    Ok((IndexKey { project: project.clone(), table, day, level, id }, body))
}

/// The part of a day up to `until_ms` in which sessions start.
#[must_use]
pub fn span_of(day: Day, until_ms: i64) -> (i64, i64) {
    (day.start_ms(), (day.start_ms() + DAY_MS).min(until_ms))
}

struct Visit {
    session: String,
    started_ms: i64,
    duration_ms: i64,
    chunks: i32,
    user: Option<String>,
    release: &'static str,
    country: &'static str,
    browser: &'static str,
    os: &'static str,
    device: &'static str,
    is_beta: bool,
}

impl Visit {
    fn draw(chance: &mut fastrand::Rng, from_ms: i64, to_ms: i64) -> Self {
        let started_ms = chance.i64(from_ms..to_ms.max(from_ms + 1));
        // Most visits are short.
        let duration_ms = 2_000 + i64::try_from(often_first(chance, 3_000_000)).unwrap_or(0);
        let (device, os, browser) = match chance.u8(0..10) {
            0..6 => (
                "desktop",
                ["Windows", "Windows", "macOS", "Linux"][chance.usize(0..4)],
                ["Chrome", "Chrome", "Firefox", "Edge", "Safari"][chance.usize(0..5)],
            ),
            6..9 => {
                ("mobile", ["iOS", "Android"][chance.usize(0..2)], ["Safari", "Chrome"][chance.usize(0..2)])
            }
            _ => ("tablet", "iOS", "Safari"),
        };
        Self {
            session: format!("{:08x}{}", started_ms / 1000, hex(chance, 24)),
            started_ms,
            duration_ms,
            chunks: 1 + i32::try_from(duration_ms / 10_000).unwrap_or(i32::MAX),
            user: chance.bool().then(|| format!("u_{:06}", often_first(chance, USERS))),
            release: RELEASES[chance.usize(0..RELEASES.len())],
            country: COUNTRIES[chance.usize(0..COUNTRIES.len())],
            browser,
            os,
            device,
            is_beta: chance.u8(0..20) == 0,
        }
    }

    /// The columns that every table has.
    fn row(&self, table: Table) -> Row {
        let mut row = Row::empty(table);
        let mut set = |name, cell| row.set(table, name, cell);
        set("session", Cell::Text(self.session.clone()));
        set("started_ms", Cell::Time(self.started_ms));
        set("core", Cell::Int(1));
        set("config", Cell::Long(1));
        set("chunks", Cell::Int(self.chunks));
        set("users", Cell::list(self.user.clone()));
        set("release", Cell::text(Some(self.release)));
        set("environment", Cell::text(Some("production")));
        set("country", Cell::text(Some(self.country)));
        set("browser", Cell::text(Some(self.browser)));
        set("browser_version", Cell::text(Some("156")));
        set("os", Cell::text(Some(self.os)));
        set("device", Cell::text(Some(self.device)));
        set("segments", Cell::list(self.is_beta.then_some("beta")));
        row
    }

    fn add_to(&self, rows: &mut Rows, chance: &mut fastrand::Rng) {
        let loads = 1 + often_first(chance, 8);
        let urls: Vec<(usize, String)> = (0..loads)
            .map(|_| {
                let route = often_first(chance, ROUTES.len());
                (route, ROUTES[route].replace(":id", &chance.u32(10_000..99_999).to_string()))
            })
            .collect();
        let errors = if chance.u8(0..100) < 8 { 1 + often_first(chance, 6) } else { 0 };
        let rage = if chance.u8(0..100) < 5 { 1 + often_first(chance, 4) } else { 0 };
        let dead = if chance.u8(0..100) < 9 { 1 + often_first(chance, 4) } else { 0 };
        let failed = if chance.u8(0..100) < 7 { 1 + often_first(chance, 9) } else { 0 };
        let pages: Vec<String> = (0..loads).map(|_| hex(chance, 8)).collect();
        let mut fingerprints = Vec::new();
        for event in 0..errors {
            let group = often_first(chance, GROUPS);
            fingerprints.push(fingerprint(group));
            let (route, url) = &urls[event % loads];
            rows.errors.push(self.error(chance, group, &pages[event % loads], event, ROUTES[*route], url));
        }
        fingerprints.sort_unstable();
        fingerprints.dedup();
        for (n, (route, url)) in urls.iter().enumerate() {
            let counts = if n == 0 { [errors, failed, rage, dead] } else { [0; 4] };
            rows.pages.push(self.page(chance, (n, loads), &pages[n], ROUTES[*route], url, counts));
        }

        let table = Table::Sessions;
        let mut row = self.row(table);
        let mut set = |name, cell| row.set(table, name, cell);
        let mut routes: Vec<&str> = urls.iter().map(|(route, _)| ROUTES[*route]).collect();
        routes.sort_unstable();
        routes.dedup();
        let text = |text: &str| Cell::Text(text.to_owned());
        set("state", text("ended"));
        set("ended_ms", Cell::Time(self.started_ms + self.duration_ms));
        set("duration_ms", Cell::Long(self.duration_ms));
        set("active_ms", Cell::Long(self.duration_ms * chance.i64(20..90) / 100));
        set("language", text(LANGUAGES[chance.usize(0..LANGUAGES.len())]));
        set("time_zone", text("Europe/Berlin"));
        set("viewport_width", Cell::Int([1280, 1440, 1920, 390, 412][chance.usize(0..5)]));
        set("viewport_height", Cell::Int([720, 900, 1080, 844, 915][chance.usize(0..5)]));
        set("reason", text("all"));
        set("entry_url", Cell::Text(format!("https://shop.example{}", urls[0].1)));
        set("exit_url", Cell::Text(format!("https://shop.example{}", urls[loads - 1].1)));
        set("urls", Cell::list(routes));
        set("referrer", if chance.bool() { text("https://www.google.com/") } else { Cell::Null });
        set("fingerprints", Cell::list(fingerprints));
        set("custom_events", Cell::list((chance.u8(0..5) == 0).then_some("Added to cart")));
        let count = |n: usize| Cell::count(n as u64);
        set("page_loads", count(loads));
        set("tabs", count(1 + usize::from(chance.u8(0..8) == 0)));
        set("events", Cell::count(self.duration_ms.unsigned_abs() / 90));
        set("errors", count(errors));
        set("console_errors", count(errors * 2));
        set("requests", count(loads * 14));
        set("failed_requests", count(failed));
        set("clicks", count(loads * 4 + rage * 3));
        set("rage_clicks", count(rage));
        set("dead_clicks", count(dead));
        set("inputs", count(often_first(chance, 30)));
        set("long_tasks", count(often_first(chance, 12)));
        set("missing_chunks", count(0));
        let bytes = self.duration_ms.unsigned_abs() * chance.u64(400..2_000) / 1_000;
        set("bytes", Cell::size(bytes));
        set("inflated_bytes", Cell::size(bytes * 11));
        set("pinned", Cell::Bool(chance.u16(0..2_000) == 0));
        rows.sessions.push(row);
    }

    fn error(
        &self,
        chance: &mut fastrand::Rng,
        group: usize,
        page: &str,
        event: usize,
        route: &str,
        url: &str,
    ) -> Row {
        let table = Table::Errors;
        let mut row = self.row(table);
        let mut set = |name, cell| row.set(table, name, cell);
        let kind = ["TypeError", "Error", "RangeError", "ChunkLoadError"][group % 4];
        let title = format!("Cannot read properties of undefined (reading 'field{group}')");
        set("page", Cell::Text(page.to_owned()));
        set("seq", Cell::count(event as u64));
        set("hash", Cell::Text(hex(chance, 8)));
        set("event", Cell::count(event as u64 + 7));
        set("at_ms", Cell::Time(self.started_ms + chance.i64(0..self.duration_ms)));
        set("fingerprint", Cell::Text(fingerprint(group)));
        set("type", Cell::text(Some(kind)));
        set("message", Cell::Text(title.clone()));
        set("title", Cell::Text(title));
        set("handled", Cell::Bool(group.is_multiple_of(5)));
        set("in_app", Cell::Bool(true));
        set("mechanism", Cell::text(Some("onerror")));
        set("source", Cell::Text(format!("/assets/part-{}.js", group % 37)));
        set("function", Cell::Text(format!("render{}", group % 61)));
        set("line", Cell::count(1 + group as u64 * 13));
        set("column", Cell::count(group as u64 % 90));
        set("url", Cell::Text(format!("https://shop.example{url}")));
        set("route", Cell::text(Some(route)));
        set("user", Cell::text(self.user.clone()));
        set("noise", if group % 11 == 3 { Cell::text(Some("known")) } else { Cell::Null });
        row
    }

    fn page(
        &self,
        chance: &mut fastrand::Rng,
        (n, of): (usize, usize),
        page: &str,
        route: &str,
        url: &str,
        [errors, failed, rage, dead]: [usize; 4],
    ) -> Row {
        let table = Table::Pages;
        let mut row = self.row(table);
        let mut set = |name, cell| row.set(table, name, cell);
        let load_ms = self.duration_ms / i64::try_from(of).unwrap_or(1);
        let part = |n: usize| self.started_ms + load_ms * i64::try_from(n).unwrap_or(0);
        let slow = if self.device == "mobile" { 2.1 } else { 1.0 };
        let tenths = |ms: f64| Cell::Double((ms * 10.0).round() / 10.0);
        set("page", Cell::Text(page.to_owned()));
        set("tab", Cell::Text(self.session[24..].to_owned()));
        set("first_ms", Cell::Time(part(n)));
        set("last_ms", Cell::Time(part(n + 1)));
        set("url", Cell::Text(format!("https://shop.example{url}")));
        set("route", Cell::text(Some(route)));
        set("title", Cell::text(Some("Shop")));
        set("lcp_ms", tenths((500.0 + chance.f64() * 2_600.0) * slow));
        set(
            "inp_ms",
            if chance.u8(0..10) < 7 { tenths((24.0 + chance.f64() * 260.0) * slow) } else { Cell::Null },
        );
        set("fcp_ms", tenths((280.0 + chance.f64() * 1_200.0) * slow));
        set("ttfb_ms", tenths(40.0 + chance.f64() * 500.0));
        set("cls", Cell::Double((chance.f64() * 2_500.0).round() / 10_000.0));
        let count = |n: usize| Cell::count(n as u64);
        set("errors", count(errors));
        set("requests", count(14));
        set("failed_requests", count(failed));
        set("clicks", count(4 + rage * 3));
        set("rage_clicks", count(rage));
        set("dead_clicks", count(dead));
        set("inputs", count(often_first(chance, 9)));
        set("long_tasks", count(often_first(chance, 5)));
        row
    }
}

/// Less than `n`; small numbers come more often than large ones.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn often_first(chance: &mut fastrand::Rng, n: usize) -> usize {
    ((chance.f64().powi(3) * n as f64) as usize).min(n - 1)
}

fn fingerprint(group: usize) -> String {
    format!("v1:{:016x}", (group as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn hex(chance: &mut fastrand::Rng, digits: usize) -> String {
    (0..digits).map(|_| char::from(b"0123456789abcdef"[chance.usize(0..16)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapedeck_indexer::parquet_file::decode_file;

    const START_MS: i64 = 1_700_000_000_000;

    #[test]
    fn the_same_numbers_give_the_same_files() {
        let project: ProjectId = "demo".parse().expect("an id");
        for table in Table::ALL {
            let make = || {
                let rows = rows(500, START_MS, START_MS + 60_000, 7).of(table);
                file(&project, table, Day::of_ms(START_MS), Level::L1, rows).expect("a file")
            };
            let (key, body) = make();
            assert_eq!(make(), (key, body.clone()));
            assert!(decode_file(table, body).expect("rows").len() > 30, "{table}");
        }
    }

    #[test]
    fn tables_agree() {
        let rows = rows(500, START_MS, START_MS + 60_000, 7);
        let sum = |rows: &[Row], table: Table, name: &str| {
            rows.iter()
                .map(|row| if let Cell::Int(n) = row.get(table, name) { i64::from(*n) } else { 0 })
                .sum::<i64>()
        };
        let errors = i64::try_from(rows.errors.len()).expect("few");
        assert_eq!(sum(&rows.sessions, Table::Sessions, "errors"), errors);
        assert_eq!(sum(&rows.pages, Table::Pages, "errors"), errors);
        let loads = i64::try_from(rows.pages.len()).expect("few");
        assert_eq!(sum(&rows.sessions, Table::Sessions, "page_loads"), loads);
    }
}
