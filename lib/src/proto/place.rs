//! Where a part lies in the bytes that it was read from.

use std::ops::Range;

/// The place of `part` in `whole`; `None` if it is no slice of it.
pub(super) fn place(whole: &[u8], part: &[u8]) -> Option<Range<usize>> {
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    let range = start..start.checked_add(part.len())?;
    (whole.get(range.clone())? == part).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn only_a_slice_of_it_has_a_place() {
        let whole = b"Date: now".to_vec();
        assert_eq!(place(&whole, &whole[6..]), Some(6..9));
        assert_eq!(place(&whole, &whole.clone()[6..]), None);
        assert_eq!(place(&whole[..7], &whole[6..]), None);
        assert_eq!(place(&whole[7..], &whole[6..]), None);
    }
}
