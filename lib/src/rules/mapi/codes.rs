//! Names of return codes and fault statuses.

/// The client's context handle is not known (C706, appendix E; MS-RPCE 3.1.1.5.5).
pub(super) const CONTEXT_MISMATCH: u32 = 0x1c00_001a;
/// The server is too busy.
pub(super) const TOO_BUSY: u32 = 0x1c01_0014;
/// The same as a Windows error.
pub(super) const TOO_BUSY_WINDOWS: u32 = 0x6bb;
/// The authentication level is not enough.
pub(super) const AUTHN_LEVEL: u32 = 0x1c00_001d;
/// Access denied.
pub(super) const ACCESS_DENIED: u32 = 5;
/// ecNotEncrypted: the server demands encryption.
pub(super) const NOT_ENCRYPTED: u32 = 0x970;
/// MAPI_E_SESSION_LIMIT.
pub(super) const SESSION_LIMIT: u32 = 0x8004_0112;
/// Codes that a server also gives when a limit of sessions or objects is met.
pub(super) const MAY_BE_LIMIT: [u32; 3] = [0x8004_0111, 0x4de, 0x3f0];
/// `X-ResponseCode` of MAPI over HTTP: the session context is not known (MS-OXCMAPIHTTP 2.2.3.3.3).
pub(super) const CONTEXT_NOT_FOUND: u32 = 10;

/// A return code of EcDoConnectEx (MS-OXCRPC 3.1.4.1, MS-OXCDATA 2.4) with its name.
pub(super) fn named(code: u32) -> String {
    let name = match code {
        0x8004_0110 => "MAPI_E_VERSION",
        0x8004_0111 => "ecLoginFailure",
        SESSION_LIMIT => "MAPI_E_SESSION_LIMIT",
        0x8007_0005 => "ecAccessDenied",
        0x3eb => "ecUnknownUser",
        0x3ed => "ecExiting",
        0x3f0 => "ecServerOOM",
        0x3f2 => "ecLoginPerm",
        0x476 => "ecMDBNotInit",
        0x478 => "ecWrongServer",
        0x47f => "ecServerPaused",
        0x480 => "ecServerBusy",
        0x4b6 => "ecRpcFormat",
        0x4de => "ecMaxObjsExceeded",
        0x4df => "ecVersionDisallowed",
        0x4e0 => "ecRpcHttpDisallowed",
        0x4e1 => "ecCachedModeRequired",
        0x50c => "ecMailboxInTransit",
        0x7d8 => "ecProtocolDisabled",
        0x7ee => "ecRejected",
        NOT_ENCRYPTED => "ecNotEncrypted",
        _ => return format!("0x{code:08x}"),
    };
    format!("{name} (0x{code:08x})")
}

/// What a return code of a connect calls for; `None` where only the rule's own remedy helps.
pub(super) fn remedy(code: u32) -> Option<&'static str> {
    Some(match code {
        NOT_ENCRYPTED => {
            "Turn on encryption in the client's profile, or allow connections without it: `Set-RpcClientAccess \
             -Server <CAS> -EncryptionRequired $false`."
        }
        0x478 => {
            "The mailbox is on another server: check `Get-MailboxDatabase | fl Name,RpcClientAccessServer`, whether \
             the mailbox was moved or its database switched over, and renew the client's profile."
        }
        0x7d8 => "Allow MAPI for the mailbox: `Set-CASMailbox <mailbox> -MAPIEnabled $true`.",
        0x3eb | 0x3f2 | 0x8007_0005 => {
            "Check the account and its rights on the mailbox: `Get-MailboxPermission <mailbox>`, and that its \
             legacyExchangeDN is the one in the client's profile."
        }
        0x50c => "The mailbox is being moved: wait for `Get-MoveRequest` to complete.",
        0x4df | 0x4e1 | 0x8004_0110 => {
            "The server blocks this client: check `Get-RpcClientAccess | fl BlockedClientVersions` and \
             `Get-CASMailbox <mailbox> | fl MAPIBlock*`."
        }
        0x47f | 0x480 | 0x3ed | 0x3f0 | 0x476 => {
            "The server cannot take the session now: check its load, `Test-ServiceHealth`, and that the mailbox \
             database is mounted."
        }
        _ => return None,
    })
}

/// What a bind_nak means (C706, 12.6.3.1; MS-RPCE 2.2.2.5).
pub(super) const fn nak(reason: u16) -> &'static str {
    match reason {
        0 => "not specified",
        1 => "temporary congestion",
        2 => "local limit exceeded",
        4 => "protocol version not supported",
        8 => "authentication type not recognised",
        9 => "authentication failed",
        _ => "unknown reason",
    }
}
