//! WebSocket frames made by hand: fragments, wrong heads, broken text.

use serde_json::json;

use crate::support::raw::{BINARY, CLOSE, CONTINUATION, Frame, PING, PONG, Raw, TEXT};
use crate::support::{Client, Node, NodeConfig, soon};

const PING_MESSAGE: &str = r#"{"type":"ping","id":1}"#;

/// That one can still get in and work.
async fn still_works(node: &Node) {
    let (mut ada, _) = Client::user_in(node, "ada", "lobby").await;
    ada.publish("lobby", "note", json!(1)).await;
}

async fn answers(raw: &mut Raw) {
    let text = raw.text().await.expect("the connection lives");
    assert!(text.contains(r#""pong""#), "{text}");
}

#[tokio::test]
async fn fragments_are_put_together() {
    let node = Node::start(NodeConfig::default()).await;
    let mut raw = Raw::guest(&node).await;
    let (start, rest) = PING_MESSAGE.split_at(7);
    let (middle, end) = rest.split_at(3);
    raw.send(&Frame::text(start).unfinished()).await;
    raw.send(&Frame::of(CONTINUATION, middle).unfinished()).await;
    // A control frame may come in between.
    raw.send(&Frame::of(PING, "are you there")).await;
    raw.send(&Frame::of(CONTINUATION, end)).await;
    assert_eq!(raw.frame().await, Some((PONG, b"are you there".to_vec())));
    answers(&mut raw).await;
}

#[tokio::test]
async fn a_character_may_be_cut_by_a_fragment() {
    let node = Node::start(NodeConfig::default()).await;
    let mut raw = Raw::guest(&node).await;
    let text = r#"{"type":"ping","id":"🦊"}"#.as_bytes();
    let cut = text.iter().position(|byte| *byte == 0xf0).unwrap() + 2;
    raw.send(&Frame::text(&text[..cut]).unfinished()).await;
    raw.send(&Frame::of(CONTINUATION, &text[cut..])).await;
    let pong = raw.text().await.expect("the connection lives");
    assert!(pong.contains('🦊'), "{pong}");
}

#[tokio::test]
async fn a_message_may_come_byte_by_byte_over_tcp() {
    let node = Node::start(NodeConfig::default()).await;
    let mut raw = Raw::guest(&node).await;
    for byte in Frame::text(PING_MESSAGE).bytes() {
        raw.send_bytes(&[byte]).await;
    }
    answers(&mut raw).await;
    // And many at once.
    let many: Vec<u8> = (0..50).flat_map(|_| Frame::text(PING_MESSAGE).bytes()).collect();
    raw.send_bytes(&many).await;
    for _ in 0..50 {
        answers(&mut raw).await;
    }
}

#[tokio::test]
async fn fragments_without_an_end_are_ended() {
    let node = Node::start(NodeConfig::default()).await;
    for payload in ["", "x"] {
        let mut raw = Raw::guest(&node).await;
        raw.send(&Frame::text("{").unfinished()).await;
        let fragments = Frame::of(CONTINUATION, payload).unfinished().bytes().repeat(1000);
        // Whether the server still takes them at the end is its own affair; that it ends the message is not.
        for _ in 0..200 {
            raw.send_bytes(&fragments).await;
        }
        let code = raw.close_code().await;
        assert!(matches!(code, Some(4413 | 4400 | 1002) | None), "{payload:?}: {code:?}");
    }
    still_works(&node).await;
}

#[tokio::test]
async fn a_binary_message_is_a_bad_message_whole_or_in_pieces() {
    let node = Node::start(NodeConfig::default()).await;
    let mut raw = Raw::guest(&node).await;
    let (start, end) = PING_MESSAGE.split_at(7);
    let pieces = [Frame::of(BINARY, start).unfinished(), Frame::of(CONTINUATION, end)];
    for frames in [&pieces[..], &[Frame::of(BINARY, PING_MESSAGE)]] {
        for frame in frames {
            raw.send(frame).await;
        }
        let error = raw.text().await.expect("the connection lives");
        assert!(error.contains(r#""bad_message""#), "{error}");
        raw.send(&Frame::text(PING_MESSAGE)).await;
        answers(&mut raw).await;
    }
}

#[tokio::test]
async fn a_pong_that_nobody_asked_for_is_not_answered() {
    let node = Node::start(NodeConfig::default()).await;
    let mut raw = Raw::guest(&node).await;
    for _ in 0..3 {
        raw.send(&Frame::of(PONG, "unasked")).await;
    }
    raw.send(&Frame::text(PING_MESSAGE)).await;
    let (opcode, _) = raw.frame().await.expect("the connection lives");
    assert_eq!(opcode, TEXT, "nothing comes before the answer");
}

#[tokio::test]
async fn text_that_is_not_utf_8_ends_with_1007() {
    let node = Node::start(NodeConfig::default()).await;
    for bytes in [&b"\"\xff\""[..], b"\"\xc3\"", b"\"\xed\xa0\x80\"", b"\"\xf4\x90\x80\x80\"", b"\xc0\xaf"] {
        let mut raw = Raw::guest(&node).await;
        raw.send(&Frame::text(bytes)).await;
        assert_eq!(raw.close_code().await, Some(1007), "{bytes:?}");
        let mut raw = Raw::open(&node).await;
        raw.send(&Frame::text(bytes)).await;
        assert_eq!(raw.close_code().await, Some(1007), "{bytes:?} before connect");
    }
    still_works(&node).await;
}

#[tokio::test]
async fn frames_that_break_the_websocket_protocol_end_with_1002() {
    let node = Node::start(NodeConfig::default()).await;
    let text = Frame::text(PING_MESSAGE);
    for (what, frames) in [
        ("not masked", vec![Frame { masked: false, ..text.clone() }]),
        ("a reserved bit", vec![Frame { reserved: 4, ..text.clone() }]),
        ("an unknown opcode", vec![Frame::of(3, "x")]),
        ("an unknown control opcode", vec![Frame::of(11, "x")]),
        ("a continuation of nothing", vec![Frame::of(CONTINUATION, "x")]),
        ("a new message inside of another", vec![Frame::of(TEXT, "{").unfinished(), text.clone()]),
        ("a binary one inside of another", vec![Frame::of(TEXT, "{").unfinished(), Frame::of(BINARY, "x")]),
        ("a fragmented ping", vec![Frame::of(PING, "x").unfinished()]),
        ("a ping that is too long", vec![Frame::of(PING, "x".repeat(126))]),
        ("a close with half a code", vec![Frame::of(CLOSE, "\u{3}")]),
    ] {
        let mut raw = Raw::guest(&node).await;
        for frame in frames {
            raw.send(&frame).await;
        }
        assert_eq!(raw.close_code().await, Some(1002), "{what}");
    }
    still_works(&node).await;
}

#[tokio::test]
async fn a_head_that_announces_too_much_ends_with_4413_before_it_comes() {
    let node = Node::start(NodeConfig::default()).await;
    for claimed in [10 * 1024 * 1024, u64::from(u32::MAX), u64::MAX >> 1] {
        let mut raw = Raw::guest(&node).await;
        raw.send(&Frame { claimed: Some(claimed), ..Frame::text("{") }).await;
        let code = raw.close_code().await;
        assert!(matches!(code, Some(4413 | 1002)), "{claimed}: {code:?}");
    }
    still_works(&node).await;
}

#[tokio::test]
async fn a_close_is_answered_with_a_close() {
    let node = Node::start(NodeConfig::default()).await;
    let mut raw = Raw::guest(&node).await;
    raw.send(&Frame::of(CLOSE, 1000_u16.to_be_bytes())).await;
    assert_eq!(raw.close_code().await, Some(1000));
    let mut raw = Raw::guest(&node).await;
    raw.send(&Frame::of(CLOSE, "")).await;
    assert!(matches!(raw.close_code().await, Some(1000 | 1005)));
}

#[tokio::test]
async fn a_close_of_the_server_is_over_when_the_client_has_answered_it() {
    let node = Node::start(NodeConfig::default()).await;
    // One after the other, so that waiting out the time for those who never answer would take far too long.
    soon("the end of twenty connections", async {
        for _ in 0..20 {
            let mut raw = Raw::guest(&node).await;
            raw.send(&Frame::text(r#"{"type":"connect","id":2}"#)).await;
            assert_eq!(raw.close_code().await, Some(4400));
            raw.send(&Frame::text(PING_MESSAGE)).await;
            raw.send(&Frame::of(CLOSE, 4400_u16.to_be_bytes())).await;
            assert_eq!(raw.frame().await, None);
        }
    })
    .await;
}

#[tokio::test]
async fn many_connections_that_break_off_anywhere_do_no_harm() {
    let node = Node::start(NodeConfig::default()).await;
    let bytes = Frame::text(r#"{"type":"connect","id":1}"#).bytes();
    for cut in 0..bytes.len() {
        let mut raw = Raw::open(&node).await;
        raw.send_bytes(&bytes[..cut]).await;
    }
    still_works(&node).await;
}

#[tokio::test]
async fn each_reserved_bit_and_each_unknown_opcode_ends_with_1002() {
    let node = Node::start(NodeConfig::default()).await;
    let reserved = (1..8).map(|reserved| Frame { reserved, ..Frame::text(PING_MESSAGE) });
    let on_control = (1..8).map(|reserved| Frame { reserved, ..Frame::of(PING, "x") });
    let unknown = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map(|opcode| Frame::of(opcode, "x"));
    for frame in reserved.chain(on_control).chain(unknown) {
        let what = (frame.reserved, frame.opcode);
        let mut raw = Raw::guest(&node).await;
        raw.send(&frame).await;
        assert_eq!(raw.close_code().await, Some(1002), "bits and opcode {what:?}");
    }
    still_works(&node).await;
}

#[tokio::test]
async fn a_length_of_64_bits_is_believed_only_where_it_can_be_true() {
    let node = Node::start(NodeConfig::default()).await;
    for claimed in [u64::MAX, 1 << 63, (1 << 63) - 1, 1 << 62, 1 << 32, (1 << 32) - 1, 1 << 31, (4 * 65_536) + 1] {
        for opcode in [TEXT, BINARY] {
            // In a first frame, and in one that goes on with a message.
            for is_first in [true, false] {
                let mut raw = Raw::guest(&node).await;
                if !is_first {
                    raw.send(&Frame::of(opcode, "{").unfinished()).await;
                }
                let opcode = if is_first { opcode } else { CONTINUATION };
                raw.send(&Frame { claimed: Some(claimed), ..Frame::of(opcode, "x") }).await;
                let code = raw.close_code().await;
                assert!(matches!(code, Some(4413 | 1002)), "{claimed}, opcode {opcode}: {code:?}");
            }
        }
    }
    // A short message may say its length in 64 bits; the connection lives, or it is told why not.
    let mut raw = Raw::guest(&node).await;
    let mask = [0; 4];
    let mut long_form = vec![0x81, 0xff];
    long_form.extend((PING_MESSAGE.len() as u64).to_be_bytes());
    long_form.extend(mask);
    long_form.extend(PING_MESSAGE.as_bytes());
    raw.send_bytes(&long_form).await;
    answers(&mut raw).await;
    still_works(&node).await;
}

#[tokio::test]
async fn a_thousand_pings_inside_of_a_message_are_answered_and_the_message_is_whole() {
    let node = Node::start(NodeConfig::default()).await;
    let mut raw = Raw::guest(&node).await;
    let bytes = PING_MESSAGE.as_bytes();
    for (place, byte) in bytes.iter().enumerate() {
        let opcode = if place == 0 { TEXT } else { CONTINUATION };
        let fragment = Frame::of(opcode, vec![*byte]);
        let is_last = place + 1 == bytes.len();
        raw.send(&if is_last { fragment } else { fragment.unfinished() }).await;
        if !is_last {
            let pings: Vec<u8> = (0..40).flat_map(|n| Frame::of(PING, vec![n; 125]).bytes()).collect();
            raw.send_bytes(&pings).await;
            raw.send(&Frame::of(PONG, "not asked for")).await;
            for n in 0..40 {
                assert_eq!(raw.frame().await, Some((PONG, vec![n; 125])));
            }
        }
    }
    answers(&mut raw).await;
}

#[tokio::test]
async fn empty_fragments_are_fragments_and_few_of_them_do_no_harm() {
    let node = Node::start(NodeConfig::default()).await;
    let mut raw = Raw::guest(&node).await;
    raw.send(&Frame::text("").unfinished()).await;
    for _ in 0..500 {
        raw.send(&Frame::of(CONTINUATION, "").unfinished()).await;
    }
    raw.send(&Frame::of(CONTINUATION, PING_MESSAGE)).await;
    answers(&mut raw).await;
    // One bad packet ends one connection: its neighbour, in the middle of a message, finishes it.
    let mut neighbour = Raw::guest(&node).await;
    neighbour.send(&Frame::text(&PING_MESSAGE[..5]).unfinished()).await;
    raw.send(&Frame { reserved: 1, ..Frame::text("{") }).await;
    assert_eq!(raw.close_code().await, Some(1002));
    neighbour.send(&Frame::of(CONTINUATION, &PING_MESSAGE[5..])).await;
    answers(&mut neighbour).await;
}
