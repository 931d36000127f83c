//! The endpoint mapper and the ports that it names.

use super::{PORT, VIP, array, quiet, scenario, session, unity};
use crate::cuc::{Lab, at};
use crate::rpc::{Bound, EPM, Line};
use crate::scenario::Scenario;
use crate::site::far;
use crate::tcp::Stack;
use crate::time::SECOND;
use crate::trace::PacketId;

/// A client that asks for the port of the mailbox interface.
fn asked(lab: &mut Lab) -> PacketId {
    let line = Line::new(at(0, 30), None).bind(&[EPM], 0, Bound::Group(0xc8e5)).map(at(0, 31), PORT, [0; 4]);
    line.close(at(0, 32)).play(lab, unity(), (far(VIP, Stack::Windows), 135))[3]
}

pub(super) fn endpoint_refused() -> Scenario {
    let path = "mapi-endpoint-unreachable/hit";
    let mut lab = Lab::new(path);
    let told = asked(&mut lab);
    let syns = [35, 45].map(|second| lab.refused(at(0, second), unity(), array().0, PORT));
    let text = "The port that the endpoint mapper named is refused.";
    let scenario = scenario(path, text, lab)
        .expect_on("mapi-endpoint-unreachable", &VIP.to_string(), &[told, syns[0]])
        .severity("error");
    quiet(scenario, &["port-closed", "port-filtered"])
}

pub(super) fn endpoint_silent() -> Scenario {
    let path = "mapi-endpoint-unreachable/hit-filtered";
    let mut lab = Lab::new(path);
    asked(&mut lab);
    let syns = [35, 75].map(|second| lab.unanswered(at(0, second), unity(), array().0, PORT, 2));
    lab.lookups(unity(), at(0, 0), at(3, 0), 25 * SECOND);
    let text = "SYNs to the port that the endpoint mapper named get no answer.";
    scenario(path, text, lab).expect_on("mapi-endpoint-unreachable", &VIP.to_string(), &syns[0][..1])
}

pub(super) fn endpoint_answers() -> Scenario {
    let path = "mapi-endpoint-unreachable/miss";
    let mut lab = Lab::new(path);
    asked(&mut lab);
    session(None).play(&mut lab, unity(), array());
    lab.refused(at(0, 45), unity(), array().0, PORT + 1);
    let text = "The port that was named answers; another one that nobody named does not.";
    quiet(scenario(path, text, lab), &["endpoint-unreachable", "port-closed"])
}
