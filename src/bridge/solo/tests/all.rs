use super::*;
use crate::bridge::{AppendAll, OneOfAll};

fn all(
    entries: impl IntoIterator<Item = (&'static str, LogPlace, &'static str, Option<&'static str>)>,
) -> Vec<OneOfAll> {
    let one = |(log, place, text, key): (&str, _, _, Option<&str>)| OneOfAll {
        log: room(log),
        place,
        draft: draft(text),
        key: key.map(|key| DedupeKey { publisher: "api:billing".into(), key: key.into() }),
        audit: None,
    };
    entries.into_iter().map(one).collect()
}

async fn outcomes(bench: &Bench, entries: Vec<OneOfAll>) -> Vec<Result<Appended, AppendError>> {
    let (sender, mut told) = mpsc::unbounded_channel();
    let done = Box::new(move |outcomes| sender.send(outcomes).unwrap());
    bench.bridge.append_all.do_send(AppendAll { entries, done });
    tokio::time::timeout(Duration::from_secs(30), told.recv()).await.expect("all are told").unwrap()
}

#[actix::test]
async fn what_belongs_together_is_one_commit_however_small_commits_are() {
    let bench = Bench::new(Limits { batch_rows_max: 2, ..Limits::default() });
    let told = outcomes(&bench, all((0..50).map(|_| ("a", LogPlace::Disk, "x", None)))).await;
    let offsets: Vec<u64> = told.into_iter().map(|outcome| outcome.unwrap().offset).collect();
    assert_eq!(offsets, (1..=50).collect::<Vec<_>>());
    assert_eq!(bench.counters.counts().batches, 1);
}

#[actix::test]
async fn each_one_is_answered_in_its_place_wherever_it_lives() {
    let bench = Bench::new(Limits::default());
    let told = outcomes(
        &bench,
        all([
            ("a", LogPlace::Disk, "x", Some("k")),
            ("m", LogPlace::Memory, "x", None),
            ("a", LogPlace::Disk, "x", Some("k")),
            ("a", LogPlace::Disk, "other", Some("k")),
            ("b", LogPlace::Disk, "x", None),
        ]),
    )
    .await;
    let shown: Vec<_> =
        told.iter().cloned().map(|one| one.map(|appended| (appended.offset, appended.duplicate))).collect();
    assert_eq!(shown, [Ok((1, false)), Ok((1, false)), Ok((1, true)), Err(AppendError::Conflict), Ok((1, false))]);
    assert_eq!(outcomes(&bench, Vec::new()).await, []);
}

#[actix::test]
async fn where_there_is_no_room_for_all_none_is_taken() {
    let bench = Bench::new(Limits { waiting_entries_max: 3, ..Limits::default() });
    let told = outcomes(&bench, all((0..4).map(|_| ("a", LogPlace::Disk, "x", None)))).await;
    assert!(told.len() == 4 && told.iter().all(|one| matches!(one, Err(AppendError::Unavailable { .. }))), "{told:?}");
    assert_eq!(offsets(&bench.read("a", LogPlace::Disk, 1).await), [0; 0]);
}
