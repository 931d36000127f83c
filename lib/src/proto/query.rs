//! The query of a URL.

/// The value of a parameter in a URL or request target, as written (RFC 3986, 3.4).
pub(super) fn query<'u>(url: &'u str, name: &str) -> Option<&'u str> {
    let (_, query) = url.split_once('?')?;
    let mut pairs = query.split(['&', ';']).filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::query;

    #[test]
    fn parameters_are_found_in_any_order() {
        let target = "http://cuc:7080/N/services/N?pid=77&id=2348c723-2466";
        assert_eq!(query(target, "id"), Some("2348c723-2466"));
        assert_eq!(query(target, "pid"), Some("77"));
        assert_eq!(query("/N/services/N", "id"), None);
    }
}
