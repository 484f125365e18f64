//! What the parts print, line by line, in one file a part.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};

/// Longer lines are cut.
const LINE_BYTES_MAX: usize = 64 << 10;

/// The log of one part.
#[derive(Debug)]
pub struct PartLog {
    part: String,
    sink: Sink,
}

#[derive(Debug)]
enum Sink {
    File { path: PathBuf, file: Mutex<File> },
    Stderr,
}

impl PartLog {
    /// Appends to `{dir}/{part}.log`.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn in_dir(dir: &Path, part: &str) -> std::io::Result<Arc<Self>> {
        let path = dir.join(format!("{part}.log"));
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        Ok(Arc::new(Self { part: part.to_owned(), sink: Sink::File { path, file: Mutex::new(file) } }))
    }

    /// Prints to this process's own output, each line with the part's name before it. For tests.
    #[must_use]
    pub fn to_stderr(part: &str) -> Arc<Self> {
        Arc::new(Self { part: part.to_owned(), sink: Sink::Stderr })
    }

    /// The part's name.
    #[must_use]
    pub fn part(&self) -> &str {
        &self.part
    }

    /// Where the lines go, if to a file.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.sink {
            Sink::File { path, .. } => Some(path),
            Sink::Stderr => None,
        }
    }

    /// Writes one line.
    pub fn line(&self, text: &str) {
        match &self.sink {
            Sink::File { file, path } => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                if let Err(error) = writeln!(file, "{text}") {
                    eprintln!("cannot write to {}: {error}", path.display());
                }
            }
            Sink::Stderr => eprintln!("[{}] {text}", self.part),
        }
    }

    /// Copies the lines of `output` until it ends.
    pub fn follow(self: &Arc<Self>, output: impl AsyncRead + Unpin + Send + 'static) {
        let log = Arc::clone(self);
        tokio::spawn(async move {
            let mut lines = BufReader::new(output);
            let mut line = Vec::new();
            loop {
                line.clear();
                match lines.read_until(b'\n', &mut line).await {
                    Ok(0) => return,
                    Ok(_) => {
                        let text = String::from_utf8_lossy(&line[..line.len().min(LINE_BYTES_MAX)]);
                        log.line(text.trim_end_matches(['\r', '\n']));
                    }
                    Err(error) => return log.line(&format!("(output ended: {error})")),
                }
            }
        });
    }
}
