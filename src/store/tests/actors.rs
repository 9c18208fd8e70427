use std::rc::Rc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::domain::log::Unavailable;
use crate::store::writer::PanicAt;
use crate::store::{Close, Commit, Committed, ReadEnds, ReadPage, ReaderActor, WriterActor};

use super::*;

/// Stands for the bridge: passes on what it hears.
struct Listener(mpsc::UnboundedSender<Committed>);

impl Actor for Listener {
    type Context = Context<Self>;
}

impl Handler<Committed> for Listener {
    type Result = ();

    fn handle(&mut self, committed: Committed, _: &mut Self::Context) {
        self.0.send(committed).unwrap();
    }
}

struct Bench {
    folder: Rc<Folder>,
    store: Arc<Store>,
    writer: Addr<WriterActor>,
    reader: Addr<ReaderActor>,
    listener: Addr<Listener>,
    heard: mpsc::UnboundedReceiver<Committed>,
}

impl Bench {
    fn new() -> Self {
        let folder = Rc::new(Folder::new());
        let store = folder.open();
        let (sender, heard) = mpsc::unbounded_channel();
        let writer = WriterActor::start(&store, &Clock::manual(NOW));
        let (reader, listener) = (ReaderActor::start(&store), Listener(sender).start());
        Self { folder, store, writer, reader, listener, heard }
    }

    async fn commit(&mut self, writes: Vec<Write>) -> Vec<Outcome> {
        self.writer.do_send(Commit { writes, notes: Vec::new(), reply: self.listener.clone().recipient() });
        tokio::time::timeout(Duration::from_secs(30), self.heard.recv()).await.unwrap().unwrap().outcomes
    }
}

#[actix::test]
async fn a_panic_before_the_commit_writes_nothing_and_the_writer_lives_on() {
    let mut bench = Bench::new();
    bench.commit(vec![write("a", "1")]).await;
    bench.store.panic_at(PanicAt::BeforeCommit);
    let outcomes = bench.commit(vec![write("a", "2"), write("b", "1")]).await;
    assert_eq!(offsets(&outcomes), [None, None]);
    assert_eq!(offsets(&bench.commit(vec![write("a", "3")]).await), [Some(2)]);
}

#[actix::test]
async fn what_was_committed_when_the_writer_panicked_is_answered_as_written() {
    let mut bench = Bench::new();
    bench.commit(vec![write("a", "1")]).await;
    bench.store.panic_at(PanicAt::AfterCommit);
    let writes = vec![write("a", "2"), write("b", "1"), write("a", "3")];
    let ids: Vec<_> = writes.iter().map(|write| write.draft.id).collect();
    let outcomes = bench.commit(writes).await;
    assert_eq!(offsets(&outcomes), [Some(2), Some(1), Some(3)]);
    for (outcome, id) in outcomes.iter().zip(ids) {
        assert_eq!((placed(outcome).appended.entry, placed(outcome).epoch), (id, bench.store.epoch()));
    }
    assert_eq!(offsets(&bench.commit(vec![write("a", "4")]).await), [Some(4)]);
}

#[actix::test]
async fn a_reader_reads_on_while_the_writer_writes_and_refuses_what_is_damaged() {
    let mut bench = Bench::new();
    bench.commit(vec![write("a", "1"), write("b", "1")]).await;
    let read = |log: &str| bench.reader.send(ReadPage { log: room(log), from: 1, entries_max: 10, bytes_max: 1 << 20 });
    assert_eq!(read("a").await.unwrap().unwrap().entries.len(), 1);
    bench.folder.sqlite().execute("update entries set at = 0 where log = 1", []).unwrap();
    for _ in 0..2 {
        assert!(read("a").await.unwrap().is_err());
        assert!(bench.reader.send(ReadEnds { log: room("a") }).await.unwrap().is_err());
    }
    assert_eq!(read("b").await.unwrap().unwrap().entries.len(), 1);
}

#[actix::test]
async fn a_closed_store_leaves_one_file_and_lets_the_next_process_in() {
    let mut bench = Bench::new();
    bench.commit(vec![write("a", "1")]).await;
    bench.reader.send(ReadEnds { log: room("a") }).await.unwrap().unwrap();
    bench.reader.send(Close).await.unwrap();
    bench.writer.send(Close).await.unwrap();
    bench.store.release();
    assert!(!bench.folder.0.path().join("copresence.db-wal").exists(), "the database is whole without its log");
    assert_eq!(offsets(&bench.commit(vec![write("a", "2")]).await), [None], "late ones are refused");
    let store = bench.folder.open();
    assert_eq!(store.reader().unwrap().ends(&room("a")).unwrap().head.offset, 1);
}

#[actix::test]
async fn old_keys_go_by_themselves_as_entries_are_written() {
    let mut bench = Bench::new();
    bench.commit((0..600).map(|n| keyed("a", "x", "user:ada", &format!("k{n}"))).collect()).await;
    let folder = Rc::clone(&bench.folder);
    folder.sqlite().execute("update dedupe set at = 0", []).unwrap();
    let kept = || -> i64 { folder.sqlite().query_row("select count(*) from dedupe", [], |row| row.get(0)).unwrap() };
    assert_eq!(kept(), 600);
    for _ in 0..2 {
        bench.commit((0..512).map(|_| write("a", "y")).collect()).await;
    }
    // The purge runs after the answer, and the next letter after the purge.
    bench.writer.send(Close).await.unwrap();
    assert_eq!(kept(), 0);
}

/// A read over which the reader panics.
#[derive(Message)]
#[rtype(result = "Result<(), Unavailable>")]
struct Poison;

impl Handler<Poison> for ReaderActor {
    type Result = Result<(), Unavailable>;

    fn handle(&mut self, _: Poison, ctx: &mut SyncContext<Self>) -> Self::Result {
        self.read(Some(&room("a")), ctx, |_| panic!("as the test wants it"))
    }
}

#[actix::test]
async fn a_reader_that_panicked_says_so_and_reads_on() {
    let mut bench = Bench::new();
    bench.commit(vec![write("a", "1")]).await;
    let read = || bench.reader.send(ReadPage { log: room("a"), from: 1, entries_max: 10, bytes_max: 1 << 20 });
    for _ in 0..10 {
        // What waits behind the letter that kills is read by the successor.
        let (poisoned, waiting) = (bench.reader.send(Poison), read());
        assert_eq!(poisoned.await.unwrap(), Err(Unavailable));
        assert_eq!(waiting.await.unwrap().unwrap().entries.len(), 1);
    }
}
