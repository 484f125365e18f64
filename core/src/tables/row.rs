//! Rows, and which of several with one key is the one that holds.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::Serialize;

use super::{Kind, Table};

/// One value.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// Absent.
    Null,
    /// [`Kind::Text`].
    Text(String),
    /// [`Kind::Time`].
    Time(i64),
    /// [`Kind::Int`].
    Int(i32),
    /// [`Kind::Long`].
    Long(i64),
    /// [`Kind::Double`].
    Double(f64),
    /// [`Kind::Bool`].
    Bool(bool),
    /// [`Kind::List`].
    List(Vec<String>),
}

impl Cell {
    /// A text, or null.
    pub fn text(text: Option<impl Into<String>>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(text.into()))
    }

    /// A list.
    pub fn list(texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::List(texts.into_iter().map(Into::into).collect())
    }

    /// A count, at most that of `INT32`.
    #[must_use]
    pub fn count(n: u64) -> Self {
        Self::Int(i32::try_from(n).unwrap_or(i32::MAX))
    }

    /// A size, at most that of `INT64`.
    #[must_use]
    pub fn size(n: u64) -> Self {
        Self::Long(i64::try_from(n).unwrap_or(i64::MAX))
    }

    fn is(&self, kind: Kind) -> bool {
        matches!(
            (self, kind),
            (Self::Null, k) if k != Kind::List
        ) || matches!(
            (self, kind),
            (Self::Text(_), Kind::Text)
                | (Self::Time(_), Kind::Time)
                | (Self::Int(_), Kind::Int)
                | (Self::Long(_), Kind::Long)
                | (Self::Double(_), Kind::Double)
                | (Self::Bool(_), Kind::Bool)
                | (Self::List(_), Kind::List)
        )
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Text(_) => 1,
            Self::Time(_) => 2,
            Self::Int(_) => 3,
            Self::Long(_) => 4,
            Self::Double(_) => 5,
            Self::Bool(_) => 6,
            Self::List(_) => 7,
        }
    }
}

/// A total order, null first; within a column it is that of the values.
fn compare(a: &Cell, b: &Cell) -> Ordering {
    match (a, b) {
        (Cell::Text(a), Cell::Text(b)) => a.cmp(b),
        (Cell::Time(a), Cell::Time(b)) | (Cell::Long(a), Cell::Long(b)) => a.cmp(b),
        (Cell::Int(a), Cell::Int(b)) => a.cmp(b),
        (Cell::Double(a), Cell::Double(b)) => a.total_cmp(b),
        (Cell::Bool(a), Cell::Bool(b)) => a.cmp(b),
        (Cell::List(a), Cell::List(b)) => a.cmp(b),
        (a, b) => a.rank().cmp(&b.rank()),
    }
}

/// One row of a table: a cell for each of its columns, in their order.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Row(Vec<Cell>);

impl Row {
    /// A row in which nothing is set: null, and empty lists.
    #[must_use]
    pub fn empty(table: Table) -> Self {
        let cell = |kind| if kind == Kind::List { Cell::List(Vec::new()) } else { Cell::Null };
        Self(table.columns().map(|column| cell(column.kind)).collect())
    }

    /// A row of these cells; `None` if one is not of its column's kind, or their number is another.
    #[must_use]
    pub fn new(table: Table, cells: Vec<Cell>) -> Option<Self> {
        let fits = cells.len() == table.columns().len()
            && cells.iter().zip(table.columns()).all(|(cell, column)| cell.is(column.kind));
        fits.then_some(Self(cells))
    }

    /// Sets one column.
    ///
    /// # Panics
    /// If the table has no such column, or one of another kind: a defect of the caller that its first test finds.
    pub fn set(&mut self, table: Table, name: &str, cell: Cell) {
        let Some((i, column)) = table.columns().enumerate().find(|(_, column)| column.name == name) else {
            panic!("table {table} has no column {name}");
        };
        assert!(cell.is(column.kind), "column {table}.{name} is {:?}, found {cell:?}", column.kind);
        self.0[i] = cell;
    }

    /// One column's value; null if the table has no such column.
    #[must_use]
    pub fn get(&self, table: Table, name: &str) -> &Cell {
        table.position(name).and_then(|i| self.0.get(i)).unwrap_or(&Cell::Null)
    }

    /// All cells, in the table's order.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.0
    }
}

/// `rows` in the table's order, of those with one key only the one of the highest revision: (`core`, `config`, `chunks`); of equal ones one
/// of a session that has ended, and of these one that is pinned.
/// The same rows in any order, and any number of times, give the same.
#[must_use]
pub fn fold(table: Table, rows: impl IntoIterator<Item = Row>) -> Vec<Row> {
    let columns = |names: &[&str]| names.iter().filter_map(|name| table.position(name)).collect::<Vec<_>>();
    let key = columns(table.key());
    let revision = columns(&["core", "config", "chunks"]);
    let order = columns(table.order());
    let mut found: BTreeMap<Keyed, Row> = BTreeMap::new();
    for row in rows {
        let keyed = Keyed(key.iter().map(|i| row.0[*i].clone()).collect());
        // Rows that tie are alike; were they not, the choice still has to be the same everywhere.
        let by = |row: &Row, other: &Row| {
            let settled = settled(table, row).cmp(&settled(table, other));
            by_columns(row, other, &revision).then(settled).then_with(|| {
                row.0
                    .iter()
                    .zip(&other.0)
                    .map(|(a, b)| compare(a, b))
                    .find(|o| o.is_ne())
                    .unwrap_or(Ordering::Equal)
            })
        };
        match found.entry(keyed) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(row);
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                if by(&row, entry.get()).is_gt() {
                    entry.insert(row);
                }
            }
        }
    }
    // By key already; a stable sort keeps that within equal values.
    let mut rows: Vec<Row> = found.into_values().collect();
    rows.sort_by(|a, b| by_columns(a, b, &order));
    rows
}

/// What time makes of a session without a chunk more: it ends, and may be pinned then. Nothing of this in rows of other tables.
fn settled(table: Table, row: &Row) -> (bool, bool) {
    let ended = *row.get(table, "state") == Cell::text(Some("ended"));
    (ended, *row.get(table, "pinned") == Cell::Bool(true))
}

fn by_columns(a: &Row, b: &Row, columns: &[usize]) -> Ordering {
    columns.iter().map(|i| compare(&a.0[*i], &b.0[*i])).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// A row's key, ordered.
#[derive(Debug, PartialEq)]
struct Keyed(Vec<Cell>);

impl Eq for Keyed {}

impl PartialOrd for Keyed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Keyed {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0
            .iter()
            .zip(&other.0)
            .map(|(a, b)| compare(a, b))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn page(session: &str, page: &str, core: i32, chunks: i32, route: Option<&str>) -> Row {
        let mut row = Row::empty(Table::Pages);
        let mut set = |name, cell| row.set(Table::Pages, name, cell);
        set("session", Cell::text(Some(session)));
        set("page", Cell::text(Some(page)));
        set("core", Cell::Int(core));
        set("config", Cell::Long(1));
        set("chunks", Cell::Int(chunks));
        set("route", Cell::text(route));
        row
    }

    #[test]
    fn the_highest_revision_holds() {
        let rows = [
            page("s", "a", 1, 9, Some("/old")),
            page("s", "a", 2, 1, Some("/new")),
            page("s", "b", 1, 1, None),
            page("s", "a", 2, 1, Some("/new")),
        ];
        assert_eq!(fold(Table::Pages, rows.clone()), [rows[2].clone(), rows[1].clone()]);
    }

    /// All chunks of a session may come at once: then it is open, and ends, by the same chunks.
    #[test]
    fn what_has_ended_holds_over_what_is_open() {
        let row = |state: &str, pinned: bool, chunks: i32| {
            let mut row = Row::empty(Table::Sessions);
            row.set(Table::Sessions, "session", Cell::text(Some("s")));
            row.set(Table::Sessions, "chunks", Cell::Int(chunks));
            row.set(Table::Sessions, "state", Cell::text(Some(state)));
            row.set(Table::Sessions, "pinned", Cell::Bool(pinned));
            row
        };
        let check = |rows: [Row; 2], expected: &Row| {
            let [a, b] = rows;
            for rows in [[a.clone(), b.clone()], [b, a]] {
                assert_eq!(fold(Table::Sessions, rows), std::slice::from_ref(expected));
            }
        };
        let ended = row("ended", false, 1);
        check([row("open", false, 1), ended.clone()], &ended);
        check([ended.clone(), row("ended", true, 1)], &row("ended", true, 1));
        check([ended, row("open", false, 2)], &row("open", false, 2));
    }

    #[test]
    fn a_cell_is_of_its_columns_kind() {
        let cells = Row::empty(Table::Sessions).cells().to_vec();
        assert!(Row::new(Table::Sessions, cells.clone()).is_some());
        assert!(Row::new(Table::Errors, cells.clone()).is_none());
        let mut wrong = cells;
        wrong[0] = Cell::Int(1);
        assert!(Row::new(Table::Sessions, wrong).is_none());
    }

    proptest! {
        #[test]
        fn any_order_gives_the_same(
            (rows, shuffled) in proptest::collection::vec(("[ab]", "[ab]", 0..2, 0..3, proptest::option::of("[cd]")), 0..12)
                .prop_map(|rows| rows.iter().map(|(s, p, core, chunks, route)| page(s, p, *core, *chunks, route.as_deref())).collect::<Vec<_>>())
                .prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        ) {
            let folded = fold(Table::Pages, rows);
            prop_assert_eq!(&fold(Table::Pages, shuffled), &folded);
            prop_assert_eq!(&fold(Table::Pages, [folded.clone(), folded.clone()].concat()), &folded);
        }
    }
}
