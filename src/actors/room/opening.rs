//! Opening a room's log: watch, read what to show, and the newest entries.

use super::picture::Shown;
use crate::bridge::{Bridge, Ends, LogPlace, Read, ReadPicture, Unavailable, Unwatch, Watch};
use crate::domain::cursor::Cursor;
use crate::domain::tail::{Bounds, Tail};

/// How much of the log a room reads when it opens, for those who come back after a restart.
const PRELOAD_ENTRIES: u64 = 128;
/// What it keeps while it is open.
const TAIL: Bounds = Bounds { entries_max: 1_000, bytes_max: 2 << 20 };
/// So often a log may be trimmed under a room that opens it.
const TRIMS_MET_MAX: usize = 5;

/// Watches first and reads then, so that nothing slips between: what arrives besides is at or below the head.
pub(super) async fn open_log(
    bridge: Bridge,
    watch: Watch,
    read: Read,
    delivered: Option<Cursor>,
) -> Result<(u64, Tail, Shown), Unavailable> {
    let watching = bridge.watch.send(watch).await.map_err(|_| Unavailable)??;
    let opened = load(&bridge, read.clone(), delivered).await;
    if opened.is_err() {
        bridge.unwatch.do_send(Unwatch { log: read.log, watch: watching.watch });
    }
    let (tail, shown) = opened?;
    Ok((watching.watch, tail, shown))
}

/// The picture first, and the tail up to just its head: so they agree, and what is written meanwhile arrives. When the log
/// was trimmed between the two looks, it looks again.
async fn load(bridge: &Bridge, read: Read, delivered: Option<Cursor>) -> Result<(Tail, Shown), Unavailable> {
    for _ in 0..=TRIMS_MET_MAX {
        let picture = ReadPicture { log: read.log.clone(), place: read.place };
        let picture = bridge.picture.send(picture).await.map_err(|_| Unavailable)??;
        if let Ok(tail) = preload(bridge, read.clone(), picture.ends, delivered).await? {
            return Ok((tail, Shown::of(picture)));
        }
    }
    Err(Unavailable)
}

/// The newest entries of the log as a tail, and all that follow `delivered`; the ends that it has now when it was trimmed
/// meanwhile.
async fn preload(
    bridge: &Bridge,
    read: Read,
    ends: Ends,
    delivered: Option<Cursor>,
) -> Result<Result<Tail, Ends>, Unavailable> {
    let Ends { head, floor } = ends;
    // What no log keeps is not told from memory either: a room of `none` only counts.
    let bounds = if read.place == LogPlace::None { Bounds { entries_max: 0, bytes_max: 0 } } else { TAIL };
    let wanted = head.offset.saturating_sub(PRELOAD_ENTRIES);
    let newest = delivered.map_or(wanted, |delivered| wanted.min(delivered.offset)).max(floor.offset);
    if newest == head.offset {
        return Ok(Ok(Tail::new(head, floor, bounds)));
    }
    // The entry before the first one is read as well: its id is the proof of who stands just there.
    let is_known = newest == floor.offset;
    let from = newest + u64::from(is_known);
    let entries_max = usize::try_from(head.offset - from + 1).unwrap_or(usize::MAX);
    let page = bridge.read.send(Read { from, entries_max, ..read }).await.map_err(|_| Unavailable)??;
    if page.ends.floor.offset >= from {
        return Ok(Err(page.ends));
    }
    let mut entries = page.entries.into_iter();
    let before: Cursor = if is_known {
        floor
    } else {
        entries.next().filter(|entry| entry.offset == newest).ok_or(Unavailable)?.cursor(head.epoch)
    };
    let mut tail = Tail::new(before, floor, bounds);
    for entry in entries {
        tail.push(entry);
    }
    Ok(Ok(tail))
}
