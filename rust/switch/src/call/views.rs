//! Pictures of calls for operators.

use std::cmp::Ordering;
use std::time::Instant;

use pbx_sip::Shard;

use super::calls::Calls;
use super::id::Side;
use super::state::{Call, Phase};
use crate::view::{CallView, DialogView};

impl Calls {
    /// Up to `limit` calls with a slot above `after`.
    pub(crate) fn views(&self, now: Instant, limit: usize, after: Option<u64>) -> Vec<CallView> {
        self.page(limit, after).map(|call| call.view(now)).collect()
    }

    /// Dialogs of up to `limit` calls.
    pub(crate) fn dialog_views(&self, limit: usize, after: Option<u64>) -> Vec<DialogView> {
        self.page(limit, after).flat_map(Call::dialog_views).collect()
    }

    /// Dialogs alive.
    pub(crate) fn dialogs(&self) -> usize {
        self.slots.iter().map(|(_, call)| 1 + usize::from(call.callee.is_some())).sum()
    }

    /// Handles are in order of shards, then slots.
    fn first_after(&self, handle: u64) -> usize {
        let (shard, place) = Shard::split(handle as u32);
        match shard.cmp(&self.shard) {
            Ordering::Less => 0,
            Ordering::Equal => place as usize + 1,
            Ordering::Greater => usize::MAX,
        }
    }

    fn page(&self, limit: usize, after: Option<u64>) -> impl Iterator<Item = &Call> {
        let first = after.map_or(0, |handle| self.first_after(handle));
        self.slots.iter().skip_while(move |(slot, _)| *slot < first).map(|(_, call)| &**call).take(limit)
    }
}

impl Call {
    fn view(&self, now: Instant) -> CallView {
        CallView {
            id: self.id.as_u64().to_string(),
            call_id: self.caller.dialog.call_id.to_string(),
            state: self.state(),
            from: self.summary.from.to_string(),
            to: self.summary.to.to_string(),
            callee: self.summary.callee.as_deref().map(str::to_owned),
            source: self.summary.source.to_string(),
            age_secs: now.saturating_duration_since(self.started_at).as_secs(),
            answered_secs: self.answered_at.map(|at| now.saturating_duration_since(at).as_secs()),
            media: self.media.path_name(),
            media_reason: self.media.reason_name(),
            decided_by: self.plan.decided_by.clone(),
            callee_call_id: self.callee.as_ref().map(|leg| leg.dialog.call_id.to_string()),
        }
    }

    fn state(&self) -> &'static str {
        match self.phase {
            Phase::Deciding(_) => "deciding",
            Phase::Opening => "calling",
            Phase::Ringing if self.rung => "ringing",
            Phase::Ringing => "calling",
            Phase::Connected => "connected",
            Phase::Ending => "ending",
        }
    }

    fn dialog_views(&self) -> Vec<DialogView> {
        let id = self.id.as_u64();
        let confirmed = self.callee.is_some();
        [(Side::Caller, "a"), (Side::Callee, "b")]
            .into_iter()
            .filter_map(|(side, name)| {
                let dialog = &self.leg(side)?.dialog;
                Some(DialogView {
                    id: format!("{id}/{name}"),
                    state: if confirmed { "confirmed" } else { "early" },
                    call_id: dialog.call_id.to_string(),
                    local_tag: dialog.local_tag.to_string(),
                    remote_tag: dialog.remote_tag.to_string(),
                    source: dialog.flow.remote.to_string(),
                })
            })
            .collect()
    }
}
