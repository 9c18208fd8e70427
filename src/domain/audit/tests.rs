use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn chain() -> Chain {
    Chain::of(&Tenant::default())
}

fn draft(session: u64) -> Draft {
    let what = Facts::new().number("session", session);
    Draft { at: NOW, act: Act::Connect, who: "user:ada".into(), what, from: "192.0.2.1".into(), outcome: OK }
}

/// A chain of so many records, and its ends.
fn written(count: u64) -> (Ends, Vec<(Record, Hash)>) {
    let floor = Head::start(&chain());
    let (mut head, mut records) = (floor, Vec::new());
    for number in 1..=count {
        let (record, next) = head.append(&draft(number));
        head = next;
        records.push((record, head.hash));
    }
    (Ends { floor, head }, records)
}

fn broken(ends: Ends, records: Vec<(Record, Hash)>) -> Broken {
    verify(&chain(), ends, records, None).unwrap_err()
}

#[test]
fn a_chain_is_what_its_description_says_byte_by_byte() {
    let (_, records) = written(1);
    let (record, hash) = &records[0];
    let mut bytes = b"copresence audit 1\ndefault".to_vec();
    let start = sha256(&[&bytes]).0.to_vec();
    bytes = [start, 1_u64.to_le_bytes().to_vec(), 1_800_000_000_000_i64.to_le_bytes().to_vec()].concat();
    for text in ["connect", "user:ada", "{\"session\":1}", "192.0.2.1", "ok"] {
        bytes.extend([&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat());
    }
    assert_eq!((record.what.as_str(), *hash), ("{\"session\":1}", sha256(&[&bytes])));
}

#[test]
fn a_whole_chain_verifies_and_knows_every_head_that_it_had() {
    let (ends, records) = written(5);
    let verified = verify(&chain(), ends, records.clone(), None).unwrap();
    assert_eq!((verified.records, verified.head), (5, ends.head));
    for (record, hash) in &records {
        for number in [None, Some(record.number)] {
            verify(&chain(), ends, records.clone(), Some(Known { number, hash: *hash })).unwrap();
        }
    }
    let (none, _) = written(0);
    assert_eq!(verify(&chain(), none, [], None).unwrap().records, 0);
}

#[test]
fn an_edit_of_any_field_is_found_where_it_is() {
    let edits: [fn(&mut Record); 6] = [
        |record| record.at.0 += 1,
        |record| record.act = "denied".into(),
        |record| record.who = "user:eve".into(),
        |record| record.what = "{}".into(),
        |record| record.from.push('0'),
        |record| record.outcome = "forbidden".into(),
    ];
    for edit in edits {
        let (ends, mut records) = written(5);
        edit(&mut records[2].0);
        assert_eq!(broken(ends, records), Broken::Edited { number: 3 });
    }
    // What one field loses another may not gain.
    let (ends, mut records) = written(1);
    records[0].0.who.push('1');
    records[0].0.from.remove(0);
    assert_eq!(broken(ends, records), Broken::Edited { number: 1 });
}

#[test]
fn what_was_dropped_doubled_or_cut_off_is_found() {
    let (ends, mut records) = written(6);
    records.drain(2..4);
    assert_eq!(broken(ends, records), Broken::Dropped { first: 3, last: 4 });

    let (ends, mut records) = written(3);
    records.insert(2, records[1].clone());
    assert_eq!(broken(ends, records), Broken::Doubled { number: 2 });

    let (ends, mut records) = written(6);
    records.truncate(4);
    assert_eq!(broken(ends, records.clone()), Broken::Truncated { last: 4, head: 6 });
    // The stored head was cut as well; a head that was noted elsewhere still tells.
    let shorter = Ends { head: Head { number: 4, hash: records[3].1 }, ..ends };
    verify(&chain(), shorter, records.clone(), None).unwrap();
    let known = Known { number: Some(6), hash: ends.head.hash };
    assert_eq!(verify(&chain(), shorter, records.clone(), Some(known)), Err(Broken::Truncated { last: 4, head: 6 }));
    assert_eq!(verify(&chain(), shorter, records, Some(Known { number: None, ..known })), Err(Broken::NotFound));
}

#[test]
fn what_was_swapped_is_found_with_and_without_its_hash() {
    for distance in [1, 3] {
        let (ends, mut records) = written(6);
        let (left, right) = (records[1].clone(), records[1 + distance].clone());
        let renumbered = |(record, hash): (Record, Hash), number| (Record { number, ..record }, hash);
        records[1] = renumbered(right.clone(), 2);
        records[1 + distance] = renumbered(left.clone(), 2 + distance as u64);
        let swapped = Broken::Swapped { number: 2, found: 2 + distance as u64 };
        assert_eq!(broken(ends, records.clone()), swapped);
        (records[1].1, records[1 + distance].1) = (left.1, right.1);
        assert_eq!(broken(ends, records), swapped);
    }
}

#[test]
fn a_chain_that_was_written_anew_is_known_by_a_head_from_before() {
    let (ends, before) = written(5);
    let mut head = Head { number: 2, hash: before[1].1 };
    let mut anew = before[..2].to_vec();
    for number in 3..=6 {
        let (record, next) = head.append(&draft(number + 100));
        head = next;
        anew.push((record, head.hash));
    }
    let ends = Ends { head, ..ends };
    verify(&chain(), ends, anew.clone(), None).expect("in itself it is whole");
    let known = |number, hash| verify(&chain(), ends, anew.clone(), Some(Known { number, hash }));
    assert_eq!(known(Some(5), before[4].1), Err(Broken::Rewritten { number: 5 }));
    assert_eq!(known(None, before[4].1), Err(Broken::NotFound));
    known(Some(2), before[1].1).expect("the past before the edit is the same");
}

#[test]
fn a_floor_counts_only_when_a_record_tells_of_it() {
    let (mut ends, mut records) = written(5);
    let floor = Head { number: 3, hash: records[2].1 };
    records.drain(..3);
    ends.floor = floor;
    assert_eq!(broken(ends, records.clone()), Broken::Floor { floor: 3 });
    let told = Draft { act: Act::Trimmed, what: floor.as_floor(), ..draft(0) };
    let (record, head) = ends.head.append(&told);
    records.push((record, head.hash));
    ends.head = head;
    let verified = verify(&chain(), ends, records.clone(), None).unwrap();
    assert_eq!((verified.records, verified.is_known_trimmed), (3, false));
    // Of a head below the floor nothing can be said; of the floor itself, it can.
    let known = |number, hash| verify(&chain(), ends, records.clone(), Some(Known { number: Some(number), hash }));
    assert!(known(2, Hash([1; 32])).unwrap().is_known_trimmed);
    assert!(!known(3, floor.hash).unwrap().is_known_trimmed);
    assert_eq!(known(3, Hash([1; 32])), Err(Broken::Rewritten { number: 3 }));
}

#[test]
fn one_tenants_chain_is_not_anothers() {
    let (ends, records) = written(2);
    let other = Chain::parse("acme").unwrap();
    assert_eq!(verify(&other, ends, records, None), Err(Broken::Floor { floor: 0 }));
    assert_eq!(Chain::parse("@server"), Some(Chain::server()));
    assert!(Chain::parse("@else").is_none() && Tenant::parse("@server").is_err());
}

#[test]
fn a_head_reads_back_as_it_is_shown() {
    let (ends, _) = written(3);
    let known = Known::parse(&ends.head.to_string()).unwrap();
    assert_eq!(known, Known { number: Some(3), hash: ends.head.hash });
    assert_eq!(Known::parse(&ends.head.hash.to_string()).unwrap().number, None);
    for bad in ["", "3", "3:", ":", "x:00", &"g".repeat(64), &"0".repeat(63), &"ä".repeat(32)] {
        assert_eq!(Known::parse(bad), None, "{bad}");
    }
}

#[test]
fn a_fact_is_json_whatever_it_holds_and_never_long() {
    let nasty = "a\"b\\\n\u{1b}".repeat(200);
    let facts = Facts::new().name("who", &nasty).number("n", 7).flag("is", true).to_json();
    let value: serde_json::Value = serde_json::from_str(&facts).unwrap();
    assert_eq!(value["who"].as_str().unwrap().chars().count(), TEXT_CHARS_MAX);
    assert_eq!((&value["n"], &value["is"]), (&7.into(), &true.into()));
}
