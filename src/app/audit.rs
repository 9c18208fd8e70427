//! The audit log for whoever has to know: `copresence audit verify` and `copresence audit export`.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::domain::audit::{Chain, Hash, Known, Record};
use crate::domain::entry::Timestamp;
use crate::store::{AuditFile, StoreError};

/// What a look at the audit log came to.
pub struct Looked {
    /// A line for each chain.
    pub lines: Vec<String>,
    /// Whether all that was looked at is whole.
    pub is_whole: bool,
}

/// One line of an export.
#[derive(Serialize)]
struct Line<'a> {
    tenant: &'a str,
    number: u64,
    at: Timestamp,
    act: &'a str,
    who: &'a str,
    what: What<'a>,
    from: &'a str,
    outcome: &'a str,
    hash: String,
}

/// As it was written, byte by byte, or as a text where that is no JSON any more.
#[derive(Serialize)]
#[serde(untagged)]
enum What<'a> {
    Object(&'a RawValue),
    Text(&'a str),
}

/// Verifies one chain, or all of the store at `path`. With `known` the chain must contain that head.
///
/// # Errors
/// [`StoreError`] when the file can't be read; that a chain is broken is an answer.
pub fn verify(path: &Path, chain: Option<&Chain>, known: Option<Known>) -> Result<Looked, StoreError> {
    let file = AuditFile::open(path)?;
    let chains = chain.map_or_else(|| file.chains(), |chain| Ok(vec![chain.clone()]))?;
    let mut looked = Looked { lines: Vec::new(), is_whole: true };
    for chain in &chains {
        let line = match file.verify(chain, known)? {
            Some(Ok(verified)) => {
                let trimmed = "; the noted head is older than what is kept, so nothing can be said about it";
                let trimmed = if verified.is_known_trimmed { trimmed } else { "" };
                format!("ok: {} records, head {}{trimmed}", verified.records, verified.head)
            }
            Some(Err(broken)) => {
                looked.is_whole = false;
                format!("BROKEN: {broken}")
            }
            None => {
                looked.is_whole = false;
                "BROKEN: there is no record of this tenant".to_owned()
            }
        };
        looked.lines.push(format!("{chain}: {line}"));
    }
    if file.has_orphans()? {
        looked.is_whole = false;
        looked
            .lines
            .push("BROKEN: there are records that belong to no tenant: the head of their chain was removed".into());
    }
    if looked.lines.is_empty() {
        looked.lines.push("ok: there are no records yet".to_owned());
    }
    Ok(looked)
}

/// Writes the records of one chain, or of all, behind the one numbered `after`: a JSON object a line.
///
/// # Errors
/// [`StoreError`] when the file can't be read. Where `out` takes no more, it ends early and answers what that said.
pub fn export(
    path: &Path,
    chain: Option<&Chain>,
    after: u64,
    out: &mut impl Write,
) -> Result<io::Result<()>, StoreError> {
    let file = AuditFile::open(path)?;
    let chains = chain.map_or_else(|| file.chains(), |chain| Ok(vec![chain.clone()]))?;
    let mut written = Ok(());
    for chain in &chains {
        file.export(chain, after, |record, hash| {
            written = write_line(out, chain, &record, &hash);
            written.is_ok()
        })?;
        if written.is_err() {
            break;
        }
    }
    Ok(written.and_then(|()| out.flush()))
}

fn write_line(out: &mut impl Write, chain: &Chain, record: &Record, hash: &Hash) -> io::Result<()> {
    let what = serde_json::from_str(&record.what).map_or(What::Text(&record.what), What::Object);
    let line = Line {
        tenant: chain.as_str(),
        number: record.number,
        at: record.at,
        act: &record.act,
        who: &record.who,
        what,
        from: &record.from,
        outcome: &record.outcome,
        hash: hash.to_string(),
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}
