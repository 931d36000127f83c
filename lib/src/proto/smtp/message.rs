//! The end of a message in the stream after DATA (RFC 5321, 4.1.1.4).

/// Looks for a line with nothing but a dot. Nothing else of the message is looked at.
#[derive(Debug)]
pub(super) struct Message {
    /// How much of `LF . CR LF` the bytes so far end with. A message begins at a line.
    seen: Seen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Text,
    LineFeed,
    Dot,
    DotReturn,
}

impl Message {
    /// From its first byte.
    pub(super) fn begin() -> Self {
        Message { seen: Seen::LineFeed }
    }

    /// Takes bytes of it. The number of those up to the end of the message, where it lies among them.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            self.seen = match (self.seen, byte) {
                (Seen::Text, _) => match memchr::memchr(b'\n', bytes.get(at..).unwrap_or_default()) {
                    Some(feed) => {
                        at += feed;
                        Seen::LineFeed
                    }
                    None => return None,
                },
                (Seen::LineFeed, b'.') => Seen::Dot,
                (Seen::Dot, b'\r') => Seen::DotReturn,
                (Seen::Dot | Seen::DotReturn, b'\n') => {
                    return Some(at + 1);
                }
                (_, b'\n') => Seen::LineFeed,
                _ => Seen::Text,
            };
            at += 1;
        }
        None
    }

    /// Bytes of it were never captured.
    pub(super) fn gap(&mut self) {
        // A segment that follows may begin with the dot.
        self.seen = Seen::LineFeed;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_a_lone_dot_ends_a_message() {
        for (text, end) in [
            (&b".\r\nQUIT\r\n"[..], Some(3)),
            (b"a\r\n.\r\n", Some(6)),
            (b"a\n.\n", Some(4)),
            (b"a.\r\nb\r\n..\r\n.b\r\n. \r\n", None),
            (b"a\r\n\r\n\n.\r\n", Some(9)),
            (b".\r.\r\n", None),
        ] {
            assert_eq!(Message::begin().feed(text), end, "{}", text.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn the_end_does_not_depend_on_the_segments(
            text in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), Just(b'a')], 0..24),
            cut in 0usize..24,
        ) {
            let naive = text
                .split_inclusive(|&byte| byte == b'\n')
                .scan(0, |at, line| { *at += line.len(); Some((*at, line)) })
                .find(|(_, line)| [&b".\r\n"[..], b".\n"].contains(line))
                .map(|(end, _)| end);
            let (one, two) = text.split_at(cut.min(text.len()));
            let mut message = Message::begin();
            let end = message.feed(one).or_else(|| message.feed(two).map(|end| end + one.len()));
            prop_assert_eq!(end, naive);
        }
    }
}
