//! Diagnoses what is wrong between a Cisco voice server and Microsoft Exchange, from packet captures.
//!
//! Data flows one way; each module knows those before it and none after it:
//!
//! ```text
//! capture -> packet -> flow -> proto -> facts -> compare -> rules -> report
//! records    slices   streams  events   rows     pairs      findings  data
//! ```

pub mod analyzer;
pub mod capture;
pub mod compare;
pub mod config;
mod crew;
pub mod error;
pub mod excerpt;
pub mod facts;
mod feed;
pub mod flow;
pub mod follow;
pub mod packet;
mod parallel;
pub mod proto;
pub mod records;
pub mod report;
pub mod rules;
#[cfg(feature = "schema")]
pub mod schema;
mod shard;
mod sink;
pub mod time;
mod worker;

pub use analyzer::Analyzer;
pub use capture::{Capture, Vantage};
pub use config::Config;
pub use error::{Error, Result};
pub use facts::Facts;
pub use report::Report;
pub use sink::Sink;
