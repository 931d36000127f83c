//! Header fields of MAPI over HTTP (MS-OXCMAPIHTTP 2.2.3.2 and 2.2.3.3).

use twox_hash::XxHash3_64;

use super::head::Fields;
use crate::proto::{MapiReply, MapiRequest};

/// The cookie of a session. Its value is compared and never shown.
const CONTEXT: &str = "MapiContext";

/// Whether a request is one of MAPI over HTTP.
pub(super) fn is_request(target: &str, fields: Fields<'_>) -> bool {
    let path = target.as_bytes().get(..6).is_some_and(|start| start.eq_ignore_ascii_case(b"/mapi/"));
    path || fields.value("X-RequestType").is_some()
}

/// What a request says.
pub(super) fn request(target: &str, fields: Fields<'_>) -> Option<MapiRequest> {
    let request_type = fields.text("X-RequestType").filter(|_| is_request(target, fields))?;
    let cookies = fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("Cookie"));
    Some(MapiRequest {
        request_type,
        request_id: fields.text("X-RequestId"),
        context: cookies.flat_map(|(_, value)| value.split(|&byte| byte == b';')).find_map(context),
    })
}

/// What a reply says.
pub(super) fn reply(fields: Fields<'_>) -> Option<MapiReply> {
    let code = fields.text("X-ResponseCode").and_then(|code| code.trim().parse().ok());
    let set = fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("Set-Cookie"));
    let context = set.filter_map(|(_, value)| value.split(|&byte| byte == b';').next()).find_map(context);
    if code.is_none() && context.is_none() {
        return None;
    }
    let backend = ["X-BEServer", "X-TargetBEServer", "X-CalculatedBETarget"];
    Some(MapiReply {
        code,
        context,
        frontend: fields.text("X-FEServer"),
        backend: backend.into_iter().find_map(|name| fields.text(name)).or_else(|| fields.text("X-DiagInfo")),
    })
}

/// The digest of the session's cookie.
fn context(cookie: &[u8]) -> Option<u64> {
    let cookie = cookie.trim_ascii();
    let value = cookie.get(CONTEXT.len() + 1..)?;
    let is_it = cookie.get(..CONTEXT.len())?.eq_ignore_ascii_case(CONTEXT.as_bytes());
    (is_it && cookie.get(CONTEXT.len()) == Some(&b'=') && !value.is_empty())
        .then(|| XxHash3_64::oneshot(value))
}
