//! Rows as a Parquet file and back: `spec/tables.md`, "Columns" and "Layout".
//!
//! Written and read column by column, without Arrow: the columns are few and fixed, and Arrow's crates would be most of the build.

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{FileReader, RowGroupReader};
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{ColumnPath, Type};
use tapedeck_core::tables::{Cell, Kind, Level, Row, Table};

/// Most rows of a row group.
pub const GROUP_ROWS_MAX: usize = 10_000;

/// Rows of a page of a column, so that its index can tell pages apart.
const PAGE_ROWS_MAX: usize = 1_000;

/// Texts that are another in almost every row: a dictionary of them would be the column once more, and to read one row is to read it whole.
const DISTINCT: [(&str, &str); 5] = [
    ("session", "session"),
    ("page", "page"),
    ("hash", "hash"),
    ("trace", "trace"),
    ("users", "users.list.element"),
];

/// Largest dictionary of a column of a row group, in bytes. Whoever reads one row reads it too.
const DICTIONARY_BYTES_MAX: usize = 16 * 1024;

/// The form of the files.
const VERSION: &str = "1";

/// Columns with an index of their pages.
const INDEXED: [&str; 5] = ["started_ms", "at_ms", "first_ms", "session", "fingerprint"];

/// Columns with a bloom filter, where a table has them.
const FILTERED: [(&str, &str); 4] = [
    ("session", "session"),
    ("fingerprint", "fingerprint"),
    ("fingerprints", "fingerprints.list.element"),
    ("users", "users.list.element"),
];

/// How large a file may be to be read, in rows: what fits into memory.
const ROWS_MAX: i64 = 1_000_000;

/// Why bytes are no file of a table.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Not Parquet, cut off, or of another writer's making.
    #[error("not a parquet file of table {table}")]
    Parquet {
        /// Which table was expected.
        table: Table,
        /// What the library says.
        source: ParquetError,
    },
    /// A version that this program does not read.
    #[error("file has tapedeck.version {found:?}, this program reads {VERSION:?}")]
    Version {
        /// The version found.
        found: Option<String>,
    },
    /// More rows than are read at once.
    #[error("file has {rows} rows, limit is {ROWS_MAX}")]
    TooLarge {
        /// How many.
        rows: i64,
    },
    /// A column of another kind, or of another length than the others.
    #[error("column {table}.{column} is not as spec/tables.md has it")]
    Column {
        /// Which table.
        table: Table,
        /// Which column.
        column: &'static str,
    },
}

/// `rows` as a file. The same rows give the same bytes.
///
/// # Errors
/// None in practice: the library fails only where its caller breaks the schema, which [`Row`] does not let happen.
pub fn encode_file(table: Table, level: Level, rows: &[Row]) -> Result<Vec<u8>, FileError> {
    write(table, level, rows).map_err(|source| FileError::Parquet { table, source })
}

fn write(table: Table, level: Level, rows: &[Row]) -> Result<Vec<u8>, ParquetError> {
    let properties = Arc::new(properties(table, level, rows.len())?);
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema(table)?), properties)?;
    for group in rows.chunks(GROUP_ROWS_MAX) {
        let mut columns = writer.next_row_group()?;
        for (i, column) in table.columns().enumerate() {
            write_column(&mut columns, column.kind, group.iter().map(|row| &row.cells()[i]))?;
        }
        columns.close()?;
    }
    writer.into_inner()
}

fn properties(table: Table, level: Level, rows: usize) -> Result<WriterProperties, ParquetError> {
    let version = KeyValue { key: "tapedeck.version".to_owned(), value: Some(VERSION.to_owned()) };
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_data_page_row_count_limit(PAGE_ROWS_MAX)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX)
        // Its default names the library's version, and a new library would give other files for the same rows.
        .set_created_by("tapedeck".to_owned())
        .set_key_value_metadata(Some(vec![version]));
    for name in INDEXED {
        if table.position(name).is_some() {
            properties =
                properties.set_column_statistics_enabled(ColumnPath::from(name), EnabledStatistics::Page);
        }
    }
    let numbers = table.columns().filter(|column| matches!(column.kind, Kind::Time | Kind::Long));
    for column in numbers {
        let path = ColumnPath::from(column.name);
        properties = properties
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
    }
    for (name, path) in DISTINCT {
        if table.position(name).is_some() {
            properties = properties.set_column_dictionary_enabled(path_of(path), false);
        }
    }
    for (name, path) in FILTERED {
        if level == Level::L1 && table.position(name).is_some() {
            let path = path_of(path);
            let distinct = rows.clamp(1, GROUP_ROWS_MAX) as u64;
            properties = properties
                .set_column_bloom_filter_enabled(path.clone(), true)
                .set_column_bloom_filter_fpp(path.clone(), 0.01)
                .set_column_bloom_filter_max_ndv(path, distinct);
        }
    }
    Ok(properties.build())
}

fn path_of(path: &str) -> ColumnPath {
    ColumnPath::new(path.split('.').map(str::to_owned).collect())
}

fn schema(table: Table) -> Result<Type, ParquetError> {
    let fields: Vec<String> = table
        .columns()
        .map(|column| {
            let name = column.name;
            match column.kind {
                Kind::Text => format!("optional binary {name} (STRING);"),
                Kind::Time => format!("optional int64 {name} (TIMESTAMP(MILLIS,true));"),
                Kind::Int => format!("optional int32 {name};"),
                Kind::Long => format!("optional int64 {name};"),
                Kind::Double => format!("optional double {name};"),
                Kind::Bool => format!("optional boolean {name};"),
                Kind::List => {
                    format!("required group {name} (LIST) {{ repeated group list {{ required binary element (STRING); }} }}")
                }
            }
        })
        .collect();
    parse_message_type(&format!("message {table} {{ {} }}", fields.join(" ")))
}

type Columns<'a> = SerializedRowGroupWriter<'a, Vec<u8>>;

fn write_column<'a>(
    columns: &mut Columns<'_>,
    kind: Kind,
    cells: impl Iterator<Item = &'a Cell>,
) -> Result<(), ParquetError> {
    match kind {
        Kind::Text => write_values::<ByteArrayType>(columns, cells, |cell| match cell {
            Cell::Text(text) => Some(ByteArray::from(text.as_str())),
            _ => None,
        }),
        Kind::Time | Kind::Long => write_values::<Int64Type>(columns, cells, |cell| match cell {
            Cell::Time(n) | Cell::Long(n) => Some(*n),
            _ => None,
        }),
        Kind::Int => write_values::<Int32Type>(columns, cells, |cell| match cell {
            Cell::Int(n) => Some(*n),
            _ => None,
        }),
        Kind::Double => write_values::<DoubleType>(columns, cells, |cell| match cell {
            Cell::Double(n) => Some(*n),
            _ => None,
        }),
        Kind::Bool => write_values::<BoolType>(columns, cells, |cell| match cell {
            Cell::Bool(b) => Some(*b),
            _ => None,
        }),
        Kind::List => write_lists(columns, cells),
    }
}

fn write_values<'a, T: DataType>(
    columns: &mut Columns<'_>,
    cells: impl Iterator<Item = &'a Cell>,
    value: impl Fn(&Cell) -> Option<T::T>,
) -> Result<(), ParquetError> {
    let (mut values, mut definitions) = (Vec::new(), Vec::new());
    for cell in cells {
        let found = value(cell);
        definitions.push(i16::from(found.is_some()));
        values.extend(found);
    }
    put::<T>(columns, &values, &definitions, None)
}

fn write_lists<'a>(
    columns: &mut Columns<'_>,
    cells: impl Iterator<Item = &'a Cell>,
) -> Result<(), ParquetError> {
    let (mut values, mut definitions, mut repetitions) = (Vec::new(), Vec::new(), Vec::new());
    for cell in cells {
        let texts: &[String] = if let Cell::List(texts) = cell { texts } else { &[] };
        if texts.is_empty() {
            definitions.push(0);
            repetitions.push(0);
        }
        for (i, text) in texts.iter().enumerate() {
            values.push(ByteArray::from(text.as_str()));
            definitions.push(1);
            repetitions.push(i16::from(i > 0));
        }
    }
    put::<ByteArrayType>(columns, &values, &definitions, Some(&repetitions))
}

fn put<T: DataType>(
    columns: &mut Columns<'_>,
    values: &[T::T],
    definitions: &[i16],
    repetitions: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let Some(mut column) = columns.next_column()? else {
        return Err(ParquetError::General("there are more columns than the schema has".to_owned()));
    };
    column.typed::<T>().write_batch(values, Some(definitions), repetitions)?;
    column.close()
}

/// The rows of a file, in its order.
///
/// # Errors
/// [`FileError`]; nothing of a file that is wrong in one place is used.
pub fn decode_file(table: Table, bytes: Vec<u8>) -> Result<Vec<Row>, FileError> {
    let failed = |source| FileError::Parquet { table, source };
    let reader = SerializedFileReader::new(Bytes::from(bytes)).map_err(failed)?;
    let metadata = reader.metadata().file_metadata();
    let pairs = metadata.key_value_metadata().map_or(&[][..], Vec::as_slice);
    let version =
        pairs.iter().find(|pair| pair.key == "tapedeck.version").and_then(|pair| pair.value.clone());
    if version.as_deref() != Some(VERSION) {
        return Err(FileError::Version { found: version });
    }
    if !(0..=ROWS_MAX).contains(&metadata.num_rows()) {
        return Err(FileError::TooLarge { rows: metadata.num_rows() });
    }
    let expected = schema(table).map_err(failed)?;
    if metadata.schema() != &expected {
        let found = metadata.schema().get_fields();
        let column =
            table.columns().enumerate().find(|(i, _)| found.get(*i) != expected.get_fields().get(*i));
        return Err(FileError::Column { table, column: column.map_or("…", |(_, column)| column.name) });
    }
    let mut rows = Vec::new();
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(failed)?;
        read_group(table, &*group, &mut rows)?;
    }
    Ok(rows)
}

fn read_group(table: Table, group: &dyn RowGroupReader, rows: &mut Vec<Row>) -> Result<(), FileError> {
    let failed = |source| FileError::Parquet { table, source };
    let count = usize::try_from(group.metadata().num_rows()).unwrap_or(0).min(1_000_000);
    let mut columns = Vec::new();
    for (i, column) in table.columns().enumerate() {
        let wrong = || FileError::Column { table, column: column.name };
        let reader = group.get_column_reader(i).map_err(failed)?;
        let cells = read_column(column.kind, reader, count).map_err(failed)?.ok_or_else(wrong)?;
        if cells.len() != count {
            return Err(wrong());
        }
        columns.push(cells.into_iter());
    }
    for _ in 0..count {
        let cells: Vec<Cell> = columns.iter_mut().filter_map(Iterator::next).collect();
        rows.push(Row::new(table, cells).ok_or(FileError::Column { table, column: "…" })?);
    }
    Ok(())
}

/// A column's cells; `None` if it is of another kind.
fn read_column(kind: Kind, reader: ColumnReader, count: usize) -> Result<Option<Vec<Cell>>, ParquetError> {
    Ok(match (kind, reader) {
        (Kind::Text, ColumnReader::ByteArrayColumnReader(reader)) => {
            let text = |value: ByteArray| Ok(Cell::Text(value.as_utf8()?.to_owned()));
            Some(read_values(reader, count, text)?)
        }
        (Kind::Time, ColumnReader::Int64ColumnReader(reader)) => {
            Some(read_values(reader, count, |n| Ok(Cell::Time(n)))?)
        }
        (Kind::Long, ColumnReader::Int64ColumnReader(reader)) => {
            Some(read_values(reader, count, |n| Ok(Cell::Long(n)))?)
        }
        (Kind::Int, ColumnReader::Int32ColumnReader(reader)) => {
            Some(read_values(reader, count, |n| Ok(Cell::Int(n)))?)
        }
        (Kind::Double, ColumnReader::DoubleColumnReader(reader)) => {
            Some(read_values(reader, count, |n| Ok(Cell::Double(n)))?)
        }
        (Kind::Bool, ColumnReader::BoolColumnReader(reader)) => {
            Some(read_values(reader, count, |b| Ok(Cell::Bool(b)))?)
        }
        (Kind::List, ColumnReader::ByteArrayColumnReader(reader)) => Some(read_lists(reader, count)?),
        _ => None,
    })
}

fn read_values<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    count: usize,
    cell: impl Fn(T::T) -> Result<Cell, ParquetError>,
) -> Result<Vec<Cell>, ParquetError> {
    let (mut definitions, mut values) = (Vec::new(), Vec::new());
    read_all(&mut reader, count, &mut definitions, None, &mut values)?;
    let mut values = values.into_iter();
    definitions
        .into_iter()
        .map(|definition| match definition {
            0 => Ok(Cell::Null),
            _ => values.next().map_or(Ok(Cell::Null), &cell),
        })
        .collect()
}

fn read_lists(mut reader: ColumnReaderImpl<ByteArrayType>, count: usize) -> Result<Vec<Cell>, ParquetError> {
    let (mut definitions, mut repetitions, mut values) = (Vec::new(), Vec::new(), Vec::new());
    read_all(&mut reader, count, &mut definitions, Some(&mut repetitions), &mut values)?;
    let mut values = values.into_iter();
    let mut lists: Vec<Vec<String>> = Vec::with_capacity(count);
    for (definition, repetition) in definitions.into_iter().zip(repetitions) {
        if repetition == 0 {
            lists.push(Vec::new());
        }
        if definition > 0
            && let (Some(list), Some(value)) = (lists.last_mut(), values.next())
        {
            list.push(value.as_utf8()?.to_owned());
        }
    }
    Ok(lists.into_iter().map(Cell::List).collect())
}

fn read_all<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    count: usize,
    definitions: &mut Vec<i16>,
    mut repetitions: Option<&mut Vec<i16>>,
    values: &mut Vec<T::T>,
) -> Result<(), ParquetError> {
    let mut rows = 0;
    while rows < count {
        let (records, _, _) =
            reader.read_records(count - rows, Some(definitions), repetitions.as_deref_mut(), values)?;
        if records == 0 {
            break;
        }
        rows += records;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapedeck_core::tables::Column;

    /// A row in which every column says something, or nothing.
    fn row(table: Table, n: i32) -> Row {
        let mut row = Row::empty(table);
        for (i, Column { name, kind }) in table.columns().enumerate() {
            if (usize::try_from(n).expect("small") + i).is_multiple_of(3) {
                continue;
            }
            let cell = match kind {
                Kind::Text => Cell::Text(format!("{name} ä {n}")),
                Kind::Time => Cell::Time(1_700_000_000_000 + i64::from(n)),
                Kind::Int => Cell::Int(n),
                Kind::Long => Cell::Long(i64::from(n) << 32),
                Kind::Double => Cell::Double(f64::from(n) / 8.0),
                Kind::Bool => Cell::Bool(n % 2 == 0),
                Kind::List => Cell::list((0..n % 4).map(|i| format!("{name} {i}"))),
            };
            row.set(table, name, cell);
        }
        row
    }

    #[test]
    fn what_is_written_is_read() {
        for table in Table::ALL {
            for level in [Level::L0, Level::L1] {
                for count in [0, 1, 7, 2_500] {
                    let rows: Vec<Row> = (0..count).map(|n| row(table, n)).collect();
                    let file = encode_file(table, level, &rows).expect("a file");
                    assert_eq!(
                        file,
                        encode_file(table, level, &rows).expect("a file"),
                        "same rows, same bytes"
                    );
                    assert_eq!(decode_file(table, file).expect("rows"), rows);
                }
            }
        }
    }

    #[test]
    fn groups_are_bounded() {
        let rows: Vec<Row> = (0..10_001).map(|n| row(Table::Pages, n)).collect();
        let file = encode_file(Table::Pages, Level::L1, &rows).expect("a file");
        let reader = SerializedFileReader::new(Bytes::from(file.clone())).expect("parquet");
        assert_eq!(reader.num_row_groups(), 2);
        let session = reader.metadata().row_group(0).column(0);
        assert!(session.bloom_filter_offset().is_some() && session.column_index_offset().is_some());
        assert_eq!(decode_file(Table::Pages, file).expect("rows"), rows);
    }

    #[test]
    fn damage_is_named() {
        let file = encode_file(Table::Pages, Level::L0, &[row(Table::Pages, 1)]).expect("a file");
        let error =
            |table, bytes: &[u8]| decode_file(table, bytes.to_vec()).expect_err("damaged").to_string();
        assert_eq!(error(Table::Errors, &file), "column errors.seq is not as spec/tables.md has it");
        assert_eq!(error(Table::Pages, b"PAR1"), "not a parquet file of table pages");
        for cut in (0..file.len()).step_by(97) {
            assert!(decode_file(Table::Pages, file[..cut].to_vec()).is_err(), "cut at {cut}");
        }
    }
}
