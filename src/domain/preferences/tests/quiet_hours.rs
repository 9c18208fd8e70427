//! Quiet hours where clocks are put forward and back. The changes are those of the zones' real histories.

use super::super::QuietHours;
use super::at;

/// Asserts when the quiet that holds at a time ends; `None` where there is none. `now` and `end` are RFC 3339.
#[track_caller]
fn assert_until(hours: (&str, &str, &str), cases: &[(&str, Option<&str>)]) {
    let quiet = QuietHours::parse(hours.0, hours.1, hours.2).unwrap();
    for (now, end) in cases {
        let found = quiet.until(at(now));
        let told = found.map(|found| found.to_string());
        assert_eq!(found, end.map(at), "{hours:?} at {now}: {told:?}");
    }
}

#[test]
fn they_begin_with_their_first_minute_and_end_with_their_last() {
    assert_until(
        ("12:00", "13:30", "Europe/Berlin"),
        &[
            ("2026-11-21T11:59:59.999+01:00", None),
            ("2026-11-21T12:00:00+01:00", Some("2026-11-21T13:30:00+01:00")),
            ("2026-11-21T13:29:59.999+01:00", Some("2026-11-21T13:30:00+01:00")),
            ("2026-11-21T13:30:00+01:00", None),
        ],
    );
}

#[test]
fn they_go_across_midnight() {
    assert_until(
        ("22:00", "07:00", "Europe/Berlin"),
        &[
            ("2026-11-21T21:59:00+01:00", None),
            ("2026-11-21T22:00:00+01:00", Some("2026-11-22T07:00:00+01:00")),
            ("2026-11-22T00:00:00+01:00", Some("2026-11-22T07:00:00+01:00")),
            ("2026-11-22T06:59:59+01:00", Some("2026-11-22T07:00:00+01:00")),
            ("2026-11-22T07:00:00+01:00", None),
            // Over a month's and a year's end, and over the 29th of February.
            ("2026-12-31T23:00:00+01:00", Some("2027-01-01T07:00:00+01:00")),
            ("2028-02-29T23:00:00+01:00", Some("2028-03-01T07:00:00+01:00")),
        ],
    );
    // Midnight itself as an end and as a beginning.
    assert_until(
        ("22:00", "00:00", "UTC"),
        &[("2026-11-21T23:59:59Z", Some("2026-11-22T00:00:00Z")), ("2026-11-22T00:00:00Z", None)],
    );
    assert_until(
        ("00:00", "06:00", "UTC"),
        &[("2026-11-21T23:59:59Z", None), ("2026-11-22T00:00:00Z", Some("2026-11-22T06:00:00Z"))],
    );
}

#[test]
fn the_same_time_twice_means_never() {
    assert_until(("22:00", "22:00", "UTC"), &[("2026-11-21T22:00:00Z", None), ("2026-11-21T03:00:00Z", None)]);
}

#[test]
fn all_but_a_minute_is_one_stretch_a_day() {
    assert_until(
        ("07:00", "06:59", "UTC"),
        &[
            ("2026-11-21T06:58:00Z", Some("2026-11-21T06:59:00Z")),
            ("2026-11-21T06:59:30Z", None),
            ("2026-11-21T07:00:00Z", Some("2026-11-22T06:59:00Z")),
        ],
    );
}

#[test]
fn a_night_in_which_the_clock_is_put_forward_is_an_hour_shorter() {
    // 2026-03-29 in Berlin: 02:00 becomes 03:00.
    assert_until(
        ("22:00", "07:00", "Europe/Berlin"),
        &[
            ("2026-03-28T22:00:00+01:00", Some("2026-03-29T07:00:00+02:00")),
            ("2026-03-29T06:59:00+02:00", Some("2026-03-29T07:00:00+02:00")),
            ("2026-03-29T07:00:00+02:00", None),
        ],
    );
}

#[test]
fn a_time_that_the_clock_skips_is_the_moment_of_the_change() {
    // 02:30 does not exist on 2026-03-29 in Berlin.
    assert_until(
        ("22:00", "02:30", "Europe/Berlin"),
        &[("2026-03-29T01:59:59+01:00", Some("2026-03-29T03:00:00+02:00")), ("2026-03-29T03:00:00+02:00", None)],
    );
    assert_until(
        ("02:30", "06:00", "Europe/Berlin"),
        &[("2026-03-29T01:59:59+01:00", None), ("2026-03-29T03:00:00+02:00", Some("2026-03-29T06:00:00+02:00"))],
    );
    // Both are skipped: no quiet that day, and the usual one on the next.
    assert_until(
        ("02:10", "02:50", "Europe/Berlin"),
        &[
            ("2026-03-29T01:59:59+01:00", None),
            ("2026-03-29T03:00:00+02:00", None),
            ("2026-03-30T02:10:00+02:00", Some("2026-03-30T02:50:00+02:00")),
        ],
    );
}

#[test]
fn an_hour_that_comes_twice_is_quiet_both_times() {
    // 2026-10-25 in Berlin: 03:00 becomes 02:00.
    assert_until(
        ("22:00", "07:00", "Europe/Berlin"),
        &[
            ("2026-10-24T22:00:00+02:00", Some("2026-10-25T07:00:00+01:00")),
            ("2026-10-25T02:30:00+02:00", Some("2026-10-25T07:00:00+01:00")),
            ("2026-10-25T02:30:00+01:00", Some("2026-10-25T07:00:00+01:00")),
            ("2026-10-25T07:00:00+01:00", None),
        ],
    );
    // The end comes twice: the second counts, and nobody is woken in between.
    assert_until(
        ("22:00", "02:30", "Europe/Berlin"),
        &[
            ("2026-10-25T01:00:00+02:00", Some("2026-10-25T02:30:00+01:00")),
            ("2026-10-25T02:45:00+02:00", Some("2026-10-25T02:30:00+01:00")),
            ("2026-10-25T02:30:00+01:00", None),
        ],
    );
    // The beginning comes twice: the first counts.
    assert_until(
        ("02:30", "06:00", "Europe/Berlin"),
        &[
            ("2026-10-25T02:29:59+02:00", None),
            ("2026-10-25T02:30:00+02:00", Some("2026-10-25T06:00:00+01:00")),
            ("2026-10-25T02:10:00+01:00", Some("2026-10-25T06:00:00+01:00")),
        ],
    );
    // One stretch ends after the next began: they are one.
    assert_until(
        ("02:30", "02:00", "Europe/Berlin"),
        &[("2026-10-24T12:00:00+02:00", Some("2026-10-26T02:00:00+01:00"))],
    );
}

#[test]
fn lord_howe_moves_its_clock_by_half_an_hour() {
    const ZONE: &str = "Australia/Lord_Howe";
    // 2026-10-04: 02:00 (+10:30) becomes 02:30 (+11).
    assert_until(
        ("22:00", "07:00", ZONE),
        &[
            ("2026-10-03T22:00:00+10:30", Some("2026-10-04T07:00:00+11:00")),
            ("2026-10-04T06:59:59+11:00", Some("2026-10-04T07:00:00+11:00")),
        ],
    );
    assert_until(
        ("02:15", "05:00", ZONE),
        &[("2026-10-04T01:59:59+10:30", None), ("2026-10-04T02:30:00+11:00", Some("2026-10-04T05:00:00+11:00"))],
    );
    // 2026-04-05: 02:00 (+11) becomes 01:30 (+10:30).
    assert_until(
        ("22:00", "01:45", ZONE),
        &[("2026-04-05T01:50:00+11:00", Some("2026-04-05T01:45:00+10:30")), ("2026-04-05T01:45:00+10:30", None)],
    );
    assert_until(
        ("01:45", "05:00", ZONE),
        &[
            ("2026-04-05T01:44:59+11:00", None),
            ("2026-04-05T01:45:00+11:00", Some("2026-04-05T05:00:00+10:30")),
            ("2026-04-05T01:40:00+10:30", Some("2026-04-05T05:00:00+10:30")),
        ],
    );
}

#[test]
fn kathmandu_stands_at_three_quarters_of_an_hour() {
    assert_until(
        ("22:00", "07:00", "Asia/Kathmandu"),
        &[
            ("2026-11-21T16:14:59Z", None),
            ("2026-11-21T16:15:00Z", Some("2026-11-22T01:15:00Z")),
            ("2026-11-22T01:14:59Z", Some("2026-11-22T01:15:00Z")),
            ("2026-11-22T01:15:00Z", None),
        ],
    );
}

#[test]
fn a_zone_may_change_its_clock_at_midnight() {
    // 2026-04-24 in Cairo: 00:00 becomes 01:00.
    assert_until(
        ("00:00", "06:00", "Africa/Cairo"),
        &[("2026-04-23T23:59:59+02:00", None), ("2026-04-24T01:00:00+03:00", Some("2026-04-24T06:00:00+03:00"))],
    );
    assert_until(
        ("22:00", "00:30", "Africa/Cairo"),
        &[("2026-04-23T23:00:00+02:00", Some("2026-04-24T01:00:00+03:00")), ("2026-04-24T01:00:00+03:00", None)],
    );
    // 2026-10-30 in Cairo: 00:00 of that day becomes 23:00 of the day before.
    assert_until(
        ("22:00", "06:00", "Africa/Cairo"),
        &[
            ("2026-10-29T23:30:00+03:00", Some("2026-10-30T06:00:00+02:00")),
            ("2026-10-29T23:30:00+02:00", Some("2026-10-30T06:00:00+02:00")),
        ],
    );
}

#[test]
fn a_zone_may_leave_out_a_day() {
    // Samoa crossed the date line: after 2011-12-29 came 2011-12-31.
    assert_until(
        ("22:00", "07:00", "Pacific/Apia"),
        &[
            ("2011-12-29T23:00:00-10:00", Some("2011-12-31T07:00:00+14:00")),
            ("2011-12-31T00:30:00+14:00", Some("2011-12-31T07:00:00+14:00")),
            ("2011-12-31T07:00:00+14:00", None),
        ],
    );
}

#[test]
fn no_time_is_too_far_for_an_answer() {
    let hours = QuietHours::parse("22:00", "07:00", "Europe/Berlin").unwrap();
    for far in [i64::MIN, i64::MAX, -8_334_601_228_800_000, 8_210_266_876_799_999, 0] {
        let now = crate::domain::entry::Timestamp(far);
        assert!(hours.until(now).is_none_or(|end| end > now));
    }
}

/// Through a year with its changes: who is quiet stays so until the end that was told, and is not quiet then.
#[test]
fn the_end_that_is_told_is_where_the_quiet_ends() {
    for zone in ["Australia/Lord_Howe", "Africa/Cairo", "Africa/Casablanca"] {
        for (from, to) in [("22:00", "07:00"), ("01:45", "02:15"), ("00:00", "23:59")] {
            let hours = QuietHours::parse(from, to, zone).unwrap();
            let mut now = at("2026-01-01T00:00:00Z");
            let end = at("2027-01-01T00:00:00Z");
            let mut promised = None;
            while now < end {
                let until = hours.until(now);
                if let Some(promised) = promised.filter(|promised| *promised > now) {
                    assert_eq!(until, Some(promised), "{zone} {from}-{to} at {now}");
                }
                if let Some(until) = until {
                    assert!(until > now && hours.until(until).is_none(), "{zone} {from}-{to} at {now}");
                }
                promised = until;
                now.0 += 30 * 60_000;
            }
        }
    }
}
