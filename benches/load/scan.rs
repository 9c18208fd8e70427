//! Finds the few things that the generator wants to know of a message, without parsing JSON.
//!
//! Messages of one kind look alike, so a marker is first looked for where it stood the last time. None of the generator's
//! own data contains a marker, so any place where one is found is the right one.

/// A text to be found, and where it stood last.
pub(crate) struct Marker {
    needle: &'static [u8],
    hint: usize,
}

impl Marker {
    pub(crate) const fn new(needle: &'static str) -> Self {
        Self { needle: needle.as_bytes(), hint: 0 }
    }

    /// What follows the marker in `text`.
    pub(crate) fn after<'a>(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        if let Some(rest) = text.get(self.hint..).and_then(|text| text.strip_prefix(self.needle)) {
            return Some(rest);
        }
        let found = find(text, self.needle)?;
        self.hint = found;
        Some(&text[found + self.needle.len()..])
    }

    /// The whole number that follows the marker.
    pub(crate) fn number(&mut self, text: &[u8]) -> Option<u64> {
        self.after(text).and_then(number)
    }
}

/// Where `needle` begins in `text`.
pub(crate) fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    let (first, rest) = needle.split_first()?;
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|byte| byte == first) {
        from += at + 1;
        if text[from..].starts_with(rest) {
            return Some(from - 1);
        }
    }
    None
}

/// The decimal digits at the start of `text`, as a number; `None` without any.
pub(crate) fn number(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let value =
        text[..digits].iter().fold(0_u64, |value, digit| value.wrapping_mul(10).wrapping_add(u64::from(digit & 0x0F)));
    (digits > 0).then_some(value)
}

/// `text` up to its first quotation mark.
pub(crate) fn until_quote(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| *byte == b'"').unwrap_or(text.len());
    &text[..end]
}
