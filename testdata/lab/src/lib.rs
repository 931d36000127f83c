//! Makes the captures of sibtrace's testdata, and their labels, from scenarios.
//!
//! From the bottom up: [`wire`] makes packets, [`tcp`] makes conversations of them, [`cuc`] and
//! [`background`] make the traffic of a [`site`] and keep the account of it, [`damage`] spoils it, [`link`] and
//! [`container`] store it, [`label`] says what must be found. [`scenarios`] tells the stories.
//! [`bulk`] makes large captures for benchmarks, [`adversary`] such as want to do harm.
//!
//! Nothing here depends on sibtrace: the labels are its oracle. The same scenarios give the same bytes everywhere.

pub mod adversary;
pub mod background;
pub mod bulk;
pub mod container;
pub mod cuc;
pub mod damage;
pub mod ews;
pub mod imap;
pub mod label;
pub mod link;
pub mod recorded;
pub mod rng;
pub mod rpc;
pub mod scenario;
pub mod scenarios;
pub mod site;
pub mod tcp;
pub mod time;
pub mod trace;
pub mod two_ends;
pub mod wire;
