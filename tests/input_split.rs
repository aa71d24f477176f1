//! Any split of any stream of bytes gives the same inputs, and nothing inside a sequence or a paste is ever a key.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout)]

use std::time::{Duration, Instant};

use proptest::prelude::*;
use quarterdeck::term::input::{Decoder, Input};

const HOLD: Duration = Duration::from_millis(50);

/// Feed the chunks with `gap` between them, then let all time pass.
fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, gap: Duration) -> Vec<Input> {
    let mut now = Instant::now();
    let mut decoder = Decoder::new(HOLD);
    let mut inputs = Vec::new();
    for chunk in chunks {
        inputs.extend(decoder.feed(chunk, now));
        now += gap;
        inputs.extend(decoder.tick(now));
    }
    while let Some(deadline) = decoder.deadline() {
        inputs.extend(decoder.tick(deadline));
    }
    inputs
}

/// Things that terminals send, things that nobody should send, and their pieces.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let known: Vec<&'static [u8]> = vec![
        b"j",
        b"G",
        b"\r",
        b"\x03",
        b"\x1b",
        b"\x1b[A",
        b"\x1bOP",
        b"\x1b[1;5C",
        b"\x1b[5~",
        b"\x1bx",
        b"\x1b[97;5u",
        b"\x1b[27;5;13~",
        b"\x1b[I",
        b"\x1b[O",
        b"\x1b[<0;10;5M",
        b"\x1b[M !!",
        b"\x1b[[A",
        b"\x1b[200~",
        b"\x1b[201~",
        b"\x1b[200~yes\rdelete\x1b[201~",
        b"\x1b]11;rgb:1515/1818/1e1e\x1b\\",
        b"\x1b]52;c;eWVz\x07",
        b"\x1bP1$r0m\x1b\\",
        b"\x1b_x\x1b\\",
        b"\x1b[?62;22c",
        b"\x1b[?2026;2$y",
        b"\x1b[",
        b"\x1bO",
        b"\x1b]",
        b"\x1b[1;",
        b"\x1bP",
        b"\xc3",
        b"\xe6\xbc\xa2",
        b"\xf0\x9f\x99\x82",
        b"\xff",
        b"\x9b",
        b"\x18",
    ];
    prop_oneof![
        8 => proptest::sample::select(known).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any::<u8>(), 0..12),
        1 => (1usize..9000).prop_map(|n| [b"\x1b[".as_slice(), &vec![b'1'; n], b"m"].concat()),
        1 => (1usize..9000).prop_map(|n| [b"\x1b]0;".as_slice(), &vec![b'y'; n], b"\x1b\\"].concat()),
    ]
}

fn stream() -> impl Strategy<Value = (Vec<u8>, Vec<usize>)> {
    proptest::collection::vec(piece(), 0..12)
        .prop_map(|pieces| pieces.concat())
        .prop_flat_map(|bytes| {
            let cuts = proptest::collection::vec(0..=bytes.len(), 0..10);
            (Just(bytes), cuts)
        })
}

fn split<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts = cuts.to_vec();
    cuts.sort_unstable();
    let mut chunks = Vec::new();
    let mut from = 0;
    for cut in cuts.into_iter().chain([bytes.len()]) {
        chunks.push(&bytes[from..cut]);
        from = cut;
    }
    chunks
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn any_split_of_any_stream_gives_the_same_inputs((bytes, cuts) in stream()) {
        let whole = decode([bytes.as_slice()], Duration::ZERO);
        prop_assert_eq!(&decode(split(&bytes, &cuts), Duration::ZERO), &whole);
        prop_assert_eq!(&decode(split(&bytes, &cuts), HOLD / 20), &whole, "with a little time between the pieces");
    }

    #[test]
    fn a_sequence_is_never_typed_however_late_its_pieces_come(
        final_byte in b'@'..=b'~', parameters in "[0-9;:<=>?]{0,8}", cut in 2usize..12, wait in 0u64..10_000,
    ) {
        let bytes = [b"\x1b[".as_slice(), parameters.as_bytes(), &[final_byte], b"   "].concat();
        let (head, tail) = bytes.split_at(cut.min(bytes.len()));
        let typed: Vec<char> = decode([head, tail], Duration::from_millis(wait))
            .into_iter()
            .filter_map(|input| match input { Input::Key(chord) => chord.typed(), _ => None })
            .filter(|c| *c != ' ')
            .collect();
        // kitty's protocol types characters by number: that is what such a sequence says.
        prop_assert!(final_byte == b'u' || typed.is_empty(), "{typed:?} from {}", bytes.escape_ascii());
    }

    #[test]
    fn pasted_text_is_never_keys(text in "[ -~\n\t]{0,200}", cuts in proptest::collection::vec(0usize..220, 0..6)) {
        let bytes = [b"\x1b[200~".as_slice(), text.as_bytes(), b"\x1b[201~"].concat();
        let cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        // Less than a held Escape's time: a cut may fall after the Escape that begins the paste.
        prop_assert_eq!(decode(split(&bytes, &cuts), HOLD / 20), [Input::Paste(text)]);
    }
}

#[test]
fn byte_by_byte_is_the_same_too() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 100,
        ..ProptestConfig::default()
    });
    runner
        .run(&stream(), |(bytes, _)| {
            let short = bytes.get(..2000).unwrap_or(&bytes);
            prop_assert_eq!(decode(short.chunks(1), Duration::ZERO), decode([short], Duration::ZERO));
            Ok(())
        })
        .unwrap();
}
