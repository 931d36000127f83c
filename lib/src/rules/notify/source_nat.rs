//! `notify-source-nat`.

use super::sources::{Source, sources};
use crate::rules::{Context, Draft, Findings, View};

rule! {
    /// An address is translated between Exchange and Unity Connection.
    ///
    /// ## Meaning
    /// A firewall or router rewrites the source or the destination of the notifications. Its translation table ages
    /// out between keep-alives, pools change the source, and access lists by address stop matching.
    ///
    /// ## Evidence
    /// `Host` names an address that is not the destination of the packet; or servers with different names send from
    /// one address, each with the SYN of a Windows stack; or the same packets were captured before and after the
    /// translation. Two captures, read with `sibtrace compare`, show both addresses of every connection.
    ///
    /// ## Traps
    /// `Host` as a name proves nothing. In a Unity Connection cluster the URL names the node that subscribed, so two
    /// declared Cisco addresses are no translation. Plain source translation cannot be seen from one side: then
    /// `notify-source-unexpected` is all that one capture can say.
    ///
    /// ## Remedy
    /// Exempt TCP 7080 between every Exchange node and every Unity Connection node from translation (identity NAT, or
    /// a no-NAT rule), or raise the idle time-out of the translation above the keep-alive interval.
    ///
    /// ## References
    /// RFC 2663; RFC 9110 7.2 (Host).
    pub(crate) struct NotifySourceNat;
    id = "notify-source-nat";
    severity = Warning;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        for source in sources(cx, view).iter().filter(|source| source.is_translated()) {
            out.push(state(view, source));
        }
    }
}

fn state(view: &View<'_>, source: &Source<'_>) -> Draft {
    let mut detail = String::new();
    let mut draft =
        source.draft(view, format!("The addresses of notifications from {} are translated", source.ip));
    for (host, row) in &source.hosts {
        detail +=
            &format!("The requests were addressed to {host} (Host), but arrive at {}. ", row.listener.ip);
        draft = draft.also(host).evidence(
            view,
            Some(row.flow),
            row.last,
            format!("Host: {host}, sent to {}", row.listener),
        );
    }
    if source.servers.len() > 1 {
        let names = source.server_names().join(", ");
        detail += &format!("The servers {names} send from this one address. ");
        for (server, row) in &source.servers {
            draft = draft.evidence(view, Some(row.flow), row.last, format!("subscription of {server}"));
        }
    }
    if let Some((first, second)) = source.copy {
        detail += &format!(
            "The same packets were captured as {} -> {} and as {} -> {}. ",
            first.source, first.listener, second.source, second.listener
        );
        draft = draft
            .also_all([first.source.ip, first.listener.ip, second.source.ip, second.listener.ip])
            .evidence(view, Some(first.flow), first.last, "before the translation")
            .evidence(view, Some(second.flow), second.last, "the same bytes after it");
    }
    if let Some(passage) = source.translation() {
        let (before, after) = (&passage.before, &passage.after);
        detail += &passage.sentence("in the same connection, as");
        draft = draft.also_all([before.source.ip, before.listener.ip, after.source.ip, after.listener.ip]);
        draft = passage.show(draft);
    }
    draft.detail(detail.trim_end())
}
