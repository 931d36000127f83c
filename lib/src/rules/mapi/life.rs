//! Whether an association or a connection was alive at some moment.

use crate::facts::mapi::{Answer, Association, Mapi, RpcConnection};
use crate::flow::Moment;
use crate::rules::View;
use crate::time::Timestamp;

/// When a connection was over: a FIN of either side, or a reset.
pub(super) fn over(view: &View<'_>, connection: &RpcConnection) -> Option<Timestamp> {
    let row = view.connection(connection.flow)?;
    let fins = row.sides.iter().filter_map(|side| side.fin);
    fins.chain(row.reset.map(|reset| reset.at)).map(|at| at.time).min()
}

/// Whether all connections of an association were over at `at`.
pub(super) fn is_over(view: &View<'_>, association: &Association, at: Moment) -> bool {
    let members = association.members.iter().map(|member| view.facts.mapi.connections.get(*member));
    members.into_iter().all(|member| {
        member.and_then(|connection| over(view, connection)).is_some_and(|over| over <= at.time)
    })
}

/// The first good answer on a connection after `at`.
pub(super) fn answers_after(mapi: &Mapi, connection: &RpcConnection, at: Moment) -> Option<Moment> {
    let good = mapi.rows_of(connection).filter(|row| matches!(row.answer, Answer::Response(_)));
    good.filter_map(|row| row.reply).map(|reply| reply.last).find(|last| last.time > at.time)
}

/// A connection of the association that `number` does not belong to, and the moment at which it shows that the group was
/// alive at `at`: it was open then and goes on being answered, or it presents the group later and is let in.
pub(super) fn alive<'v>(
    view: &View<'v>,
    association: &Association,
    number: usize,
    at: Moment,
) -> Option<(&'v RpcConnection, Moment)> {
    let mapi = &view.facts.mapi;
    association.members.iter().filter(|member| **member != number).find_map(|member| {
        let connection = mapi.connections.get(*member)?;
        let first = mapi.rows_of(connection).next()?;
        if first.first().time >= at.time {
            let is_let_in = first.presented != 0 && first.granted == Some(first.presented);
            return is_let_in.then(|| (connection, first.last()));
        }
        if over(view, connection).is_some_and(|over| over <= at.time) {
            return None;
        }
        Some((connection, answers_after(mapi, connection, at)?))
    })
}
