//! Whether what was refused was accepted later.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::facts::SmtpRow;
use crate::flow::{FlowId, FrameId};
use crate::proto::smtp::Verb;

/// What became of a refused request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Later {
    /// It was not accepted.
    Nothing,
    /// It was accepted when it was tried again.
    Accepted,
    /// The client tried something else on the same connection, and that was accepted: nothing was refused that
    /// matters.
    FeltItsWay,
}

/// A request that may be made again: of whom, what, and about which address or account.
type Request<'f> = (IpAddr, Verb, Option<&'f str>);

/// The last acceptance of every request.
pub(super) struct Outcomes<'f> {
    requests: HashMap<Request<'f>, FrameId>,
    /// The last successful log-in of a connection, and of a client.
    flows: HashMap<FlowId, FrameId>,
    /// The recipient that was named last before each row.
    recipients: Vec<Option<&'f str>>,
}

impl<'f> Outcomes<'f> {
    /// Of rows in order.
    pub(super) fn of(rows: &'f [SmtpRow]) -> Self {
        let mut outcomes = Outcomes {
            requests: HashMap::new(),
            flows: HashMap::new(),
            recipients: Vec::with_capacity(rows.len()),
        };
        let mut current: HashMap<FlowId, &'f str> = HashMap::new();
        for row in rows {
            if let (Some(Verb::Rcpt), Some(argument)) = (row.command, row.argument.as_deref()) {
                current.insert(row.flow, argument);
            }
            let recipient = current.get(&row.flow).copied();
            outcomes.recipients.push(recipient);
            if let Some(request) = request(row, recipient).filter(|_| (200..300).contains(&row.code)) {
                outcomes.requests.insert(request, row.last.frame);
                if request.1 == Verb::Auth {
                    outcomes.flows.insert(row.flow, row.last.frame);
                }
            }
        }
        outcomes
    }

    /// What became of row `number`.
    pub(super) fn later(&self, rows: &'f [SmtpRow], number: usize) -> Later {
        let Some(row) = rows.get(number) else {
            return Later::Nothing;
        };
        let is_after = |at: Option<&FrameId>| at.is_some_and(|at| *at > row.last.frame);
        let is_first_leg = row.command == Some(Verb::Auth) || row.code == 530;
        if is_first_leg && is_after(self.flows.get(&row.flow)) {
            return Later::FeltItsWay;
        }
        let recipient = self.recipients.get(number).copied().flatten();
        let is_for_now = row.code < 500 || row.command == Some(Verb::Auth);
        let again = request(row, recipient).and_then(|request| self.requests.get(&request));
        if is_for_now && is_after(again) { Later::Accepted } else { Later::Nothing }
    }
}

fn request<'f>(row: &'f SmtpRow, recipient: Option<&'f str>) -> Option<Request<'f>> {
    let verb = row.command?;
    let about = match verb {
        Verb::Mail | Verb::Rcpt => row.argument.as_deref(),
        // A message may be sent by DATA once and by BDAT the other time.
        Verb::Data | Verb::Bdat => return Some((row.client.ip, Verb::Data, recipient)),
        Verb::Auth => row.credentials.as_ref().and_then(|credentials| credentials.user.as_deref()),
        _ => return None,
    };
    Some((row.client.ip, verb, about))
}
