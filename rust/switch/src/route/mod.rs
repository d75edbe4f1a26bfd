//! Static routes: which rule a call meets, and why (`formats.md` §3).

mod condition;
mod direction;
mod explain;
mod input;
mod table;
#[cfg(test)]
mod tests;

pub use condition::Condition;
pub use direction::Direction;
pub use explain::{ExplainInput, Explanation, Failure, RuleTrace, explain};
pub use input::{Headers, Party, RouteInput};
pub use table::{Route, RouteTable, RuleVerdict};
