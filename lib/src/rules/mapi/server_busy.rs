//! `mapi-server-busy`.

use super::{also, codes};
use crate::facts::mapi::RpcRow;
use crate::rules::draft::shown;
use crate::rules::words::counted;
use crate::rules::{Context, Findings};

rule! {
    /// The Exchange server answers MAPI calls that it is too busy.
    ///
    /// ## Meaning
    /// This is how RPC Client Access asks a client to back off: it is under load, or the user exceeds the budget of a
    /// throttling policy. The client waits and tries again, so voice mail is late.
    ///
    /// ## Evidence
    /// Faults with status nca_s_server_too_busy (0x1C010014) on the mailbox, address book or referral interface.
    ///
    /// ## Traps
    /// A parked EcDoAsyncWaitEx is silent for five minutes and no sign of load.
    ///
    /// ## Remedy
    /// Look at the server's load (`MSExchange RpcClientAccess\RPC Averaged Latency`, processor, disk) and at the
    /// throttling events in its application log. Give the service account a policy of its own: `Set-ThrottlingPolicy
    /// <policy> -RCAMaxConcurrency $null -RCAPercentTimeInCAS $null -RCAPercentTimeInMailboxRPC $null` (2013 and later:
    /// `Unlimited`).
    ///
    /// ## References
    /// C706 appendix E; MS-OXCRPC 3.1.4.1 (pcRetry, pcmsRetryDelay).
    pub(crate) struct MapiServerBusy;
    id = "mapi-server-busy";
    severity = Warning;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        for (client, rows) in super::rows_by_client(view, is_busy) {
            let title = format!("Exchange is too busy for {} of {client}", counted(rows.len(), "call"));
            let draft = also(super::about(client, title), &rows)
                .count(rows.len())
                .value("faults", rows.len())
                .detail(format!(
                    "{} answered with `server too busy` (0x1c010014).",
                    counted(rows.len(), "call")
                ));
            out.push(shown(&rows, 2).fold(draft, |draft, (_, row)| {
                super::show(draft, view, row, "fault: server too busy".to_owned())
            }));
        }
    }
}

fn is_busy(row: &RpcRow) -> bool {
    matches!(super::fault(row), Some(codes::TOO_BUSY | codes::TOO_BUSY_WINDOWS))
}
