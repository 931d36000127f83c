//! What of a connection is not answered yet: requests with their answers, by call id.

use std::collections::VecDeque;

use super::Interface;
use super::event::{BindAnswer, BindRequest, CallAnswer, CallRequest, Rpc, RpcBind, RpcCall};
use crate::flow::Dir;
use crate::proto::Event;

/// Requests that wait for their answers.
const OPEN: usize = 256;
/// Answers whose request did not come yet: its direction may wait for a lost segment.
const EARLY: usize = 64;

/// A request that is not answered.
#[derive(Debug)]
pub(super) enum Asked {
    Bind { alter: bool, request: BindRequest },
    Call { interface: Interface, request: CallRequest, given_up: bool },
}

/// An answer.
#[derive(Debug)]
pub(super) enum Answer {
    Bind { alter: bool, answer: BindAnswer },
    Call(CallAnswer),
}

/// The requests of a connection and their answers.
#[derive(Debug)]
pub(super) struct Calls {
    pub(super) client: Dir,
    open: VecDeque<(u32, Asked)>,
    early: VecDeque<(u32, Answer)>,
}

impl Calls {
    pub(super) fn new(client: Dir) -> Self {
        Calls { client, open: VecDeque::new(), early: VecDeque::new() }
    }

    /// A request is complete.
    pub(super) fn asked(&mut self, call_id: u32, asked: Asked, out: &mut Vec<Event>) {
        let answers =
            |(id, answer): &(u32, Answer)| *id == call_id && fits(&asked, answer) && is_after(&asked, answer);
        if let Some(index) = self.early.iter().position(answers)
            && let Some((_, answer)) = self.early.remove(index)
        {
            return self.emit(call_id, Some(asked), Some(answer), out);
        }
        if self.open.len() == OPEN
            && let Some((id, oldest)) = self.open.pop_front()
        {
            self.emit(id, Some(oldest), None, out);
        }
        self.open.push_back((call_id, asked));
    }

    /// The request with that id: the last one, as ids may come again.
    pub(super) fn request(&self, call_id: u32) -> Option<&Asked> {
        self.open.iter().rev().find(|(id, _)| *id == call_id).map(|(_, asked)| asked)
    }

    /// An answer is complete.
    pub(super) fn answered(&mut self, call_id: u32, answer: Answer, out: &mut Vec<Event>) {
        let waits = |(id, asked): &(u32, Asked)| *id == call_id && fits(asked, &answer);
        if let Some(index) = self.open.iter().position(waits)
            && let Some((_, asked)) = self.open.remove(index)
        {
            return self.emit(call_id, Some(asked), Some(answer), out);
        }
        if self.early.len() == EARLY
            && let Some((id, oldest)) = self.early.pop_front()
        {
            self.emit(id, None, Some(oldest), out);
        }
        self.early.push_back((call_id, answer));
    }

    /// The client takes a call back (C706, 12.6.4.8 and 12.6.4.13).
    pub(super) fn given_up(&mut self, call_id: u32) {
        for (id, asked) in &mut self.open {
            if let (true, Asked::Call { given_up, .. }) = (*id == call_id, asked) {
                *given_up = true;
            }
        }
    }

    /// Nothing more comes.
    pub(super) fn flush(&mut self, out: &mut Vec<Event>) {
        for (id, asked) in std::mem::take(&mut self.open) {
            self.emit(id, Some(asked), None, out);
        }
        for (id, answer) in std::mem::take(&mut self.early) {
            self.emit(id, None, Some(answer), out);
        }
    }

    fn emit(&self, call_id: u32, asked: Option<Asked>, answer: Option<Answer>, out: &mut Vec<Event>) {
        let client = self.client;
        let event = match (asked, answer) {
            (Some(Asked::Bind { alter, request }), answer) => {
                let answer = match answer {
                    Some(Answer::Bind { answer, .. }) => Some(answer),
                    Some(Answer::Call(answer)) => fault(answer),
                    None => None,
                };
                // Other services are not our business.
                if request.interfaces.is_empty() {
                    return;
                }
                Rpc::Bind(RpcBind { client, alter, call_id, request: Some(request), answer })
            }
            (Some(Asked::Call { interface, request, given_up }), answer) => {
                let answer = match answer {
                    Some(Answer::Call(answer)) => Some(answer),
                    _ => None,
                };
                Rpc::Call(RpcCall { client, interface, call_id, request: Some(request), answer, given_up })
            }
            (None, Some(Answer::Bind { alter, answer })) => {
                Rpc::Bind(RpcBind { client, alter, call_id, request: None, answer: Some(answer) })
            }
            (None, Some(Answer::Call(answer))) => Rpc::Call(RpcCall {
                client,
                interface: Interface::Unknown,
                call_id,
                request: None,
                answer: Some(answer),
                given_up: false,
            }),
            (None, None) => return,
        };
        out.push(Event::Rpc(Box::new(event)));
    }
}

/// A fault may also answer an alter_context.
fn fault(answer: CallAnswer) -> Option<BindAnswer> {
    let outcome = super::event::BindOutcome::Fault(answer.fault?);
    Some(BindAnswer { span: answer.span, digest: answer.digest, outcome })
}

fn fits(asked: &Asked, answer: &Answer) -> bool {
    match (asked, answer) {
        (Asked::Bind { alter, .. }, Answer::Bind { alter: other, .. }) => alter == other,
        (Asked::Bind { .. }, Answer::Call(answer)) => answer.fault.is_some(),
        (Asked::Call { .. }, Answer::Call(_)) => true,
        (Asked::Call { .. }, Answer::Bind { .. }) => false,
    }
}

fn is_after(asked: &Asked, answer: &Answer) -> bool {
    let asked = match asked {
        Asked::Bind { request, .. } => request.span.first,
        Asked::Call { request, .. } => request.span.first,
    };
    let answered = match answer {
        Answer::Bind { answer, .. } => answer.span.first,
        Answer::Call(answer) => answer.span.first,
    };
    asked <= answered
}
