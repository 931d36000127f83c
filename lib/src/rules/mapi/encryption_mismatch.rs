//! `mapi-encryption-mismatch`.

use super::{also, codes};
use crate::facts::mapi::RpcRow;
use crate::proto::dcerpc::event::Auth;
use crate::rules::draft::shown;
use crate::rules::words::counted;
use crate::rules::{Confidence, Context, Findings};

rule! {
    /// The Exchange server demands encrypted RPC, and the client does not encrypt.
    ///
    /// ## Meaning
    /// `EncryptionRequired` of the Client Access server is on by default in every version but some releases of Exchange
    /// 2010. A MAPI client whose profile does not encrypt is turned away.
    ///
    /// ## Evidence
    /// A connect answered with ecNotEncrypted (0x970), or a fault for the authentication level (0x1C00001D) or for
    /// access (0x5) of a call below packet privacy.
    ///
    /// ## Traps
    /// Access denied at packet privacy is about rights. It also is where a log-in failed, which the caveat says.
    ///
    /// ## Remedy
    /// Turn on encryption in the client's profile, or allow connections without it: `Set-RpcClientAccess -Server <CAS>
    /// -EncryptionRequired $false` on every Client Access server of the array.
    ///
    /// ## References
    /// MS-OXCRPC 3.1.4.1; MS-RPCE 2.2.1.1.8; Microsoft Learn, "Set-RpcClientAccess".
    pub(crate) struct MapiEncryptionMismatch;
    id = "mapi-encryption-mismatch";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        for (client, rows) in super::rows_by_client(view, |row| answer(row).is_some()) {
            let title = format!("Exchange demands encryption, and {client} does not encrypt");
            let sure = rows.iter().any(|(_, row)| super::fault(row) != Some(codes::ACCESS_DENIED));
            let mut draft = also(super::about(client, title), &rows).count(rows.len()).detail(format!(
                "{} below packet privacy refused with {}.",
                counted(rows.len(), "call"),
                answer(rows[0].1).unwrap_or_default()
            ));
            if !sure {
                draft = draft.confidence(Confidence::Likely).caveat(
                    "Access is also denied to an account without rights, and after a log-in that failed.",
                );
            }
            out.push(shown(&rows, 2).fold(draft, |draft, (_, row)| {
                super::show(draft, view, row, answer(row).unwrap_or_default().to_owned())
            }));
        }
    }
}

/// The answer that says so.
fn answer(row: &RpcRow) -> Option<&'static str> {
    let is_private = row.sealed || row.auth.is_some_and(|auth| auth.level == Auth::PRIVACY);
    match (super::fault(row), super::code(row)) {
        (None, Some(codes::NOT_ENCRYPTED)) if row.is_connect() => Some("ecNotEncrypted (0x970)"),
        (Some(codes::AUTHN_LEVEL), _) if !is_private => Some("fault 0x1c00001d (authentication level)"),
        (Some(codes::ACCESS_DENIED), _) if !is_private => Some("fault 0x5 (access denied)"),
        _ => None,
    }
}
