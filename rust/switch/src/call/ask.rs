//! The question put to Python.

use std::time::{Duration, Instant};

use pbx_sip::{Flow, Message, Name};

use super::id::TimerKind;
use super::state::{Call, Phase, Summary};
use crate::core::Core;
use crate::output::Output;
use crate::query::{InviteView, Query, QueryId};

impl Call {
    /// Shows the INVITE to Python and starts the deadline.
    pub(super) fn ask(&mut self, core: &mut Core, now: Instant) {
        let Some(invite) = &self.invite else { return };
        let query = QueryId(core.next_id());
        let timeout = Duration::from_millis(self.policy.config.call.decision_timeout_ms);
        let view = view_of(&invite.message, &invite.flow, &self.summary);
        core.outputs.push_back(Output::Ask(Query { id: query, timeout, invite: view }));
        core.arm(now + timeout, self.id, TimerKind::Decision(query));
        self.phase = Phase::Deciding(query);
    }
}

/// The picture Python sees. Credentials stay here.
fn view_of(invite: &Message, flow: &Flow, summary: &Summary) -> InviteView {
    let text = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
    let (from_user, from_host) =
        invite.from().map_or_else(|_| Default::default(), |from| user_and_host(from.uri));
    let (to_user, to_host) = user_and_host(invite.request_uri());
    InviteView {
        call_id: invite.call_id().to_owned(),
        request_uri: invite.request_uri().to_owned(),
        from: text(invite.header(Name::From)),
        to: text(invite.header(Name::To)),
        from_user,
        from_host,
        to_user,
        to_host,
        headers: invite
            .fields()
            .filter(|field| !matches!(field.id, Name::Authorization | Name::ProxyAuthorization))
            .map(|field| (text(Some(field.name)), text(Some(field.value))))
            .collect(),
        source: flow.remote,
        transport: flow.transport,
        user: summary.user.as_deref().map(str::to_owned),
        direction: summary.direction.as_str(),
        body: text(Some(invite.body())),
    }
}

fn user_and_host(uri: &str) -> (String, String) {
    pbx_sip::Uri::parse(uri)
        .map_or_else(|_| Default::default(), |uri| (uri.number().into_owned(), uri.host.to_ascii_lowercase()))
}
