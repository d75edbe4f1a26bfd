//! What a phone does to have its peer connected to somebody else, and what it hears of it (RFC 3515, RFC 5589).

use std::time::Instant;

use pbx_sip::{Message, Method, Name};

use super::client::Purpose;
use super::leg::{Leg, LegState};
use super::outbox::{AgentTimer, Deed};
use super::user_agent::UserAgent;
use crate::coverage::Feature;
use crate::scenario::{DOMAIN, Transfer};

/// How far a REFER of ours is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Asked,
    Accepted,
    Refused,
}

/// A REFER of ours, and the subscription it made.
#[derive(Clone, Debug)]
pub(super) struct Referral {
    cseq: u32,
    stage: Stage,
    /// No NOTIFY is wanted (RFC 4488).
    is_silent: bool,
    /// NOTIFYs that ended the subscription.
    finals: u32,
    /// CSeq and status of that NOTIFY.
    told: Option<(u32, u16)>,
    /// The peer ended the call before.
    is_cut_short: bool,
}

/// What is judged about a REFER at the end of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReferralView<'a> {
    pub(crate) call_id: &'a str,
    pub(crate) state: LegState,
    /// Status the final NOTIFY told.
    pub(crate) told: Option<u16>,
    /// It was accepted, and NOTIFYs were wanted.
    pub(crate) is_subscribed: bool,
    /// The peer ended the call before it told how the transfer went.
    pub(crate) is_cut_short: bool,
}

impl Referral {
    fn is_open(&self) -> bool {
        self.stage == Stage::Asked || self.stage == Stage::Accepted && self.finals == 0 && !self.is_silent
    }
}

impl Leg {
    /// Whether a REFER of ours is under way.
    pub(super) fn is_referring(&self) -> bool {
        self.referrals.iter().any(Referral::is_open)
    }

    /// The peer ends the call.
    pub(super) fn cut_referrals_short(&mut self) {
        for referral in self.referrals.iter_mut().filter(|referral| referral.is_open()) {
            referral.is_cut_short = true;
        }
    }
}

impl UserAgent {
    /// Asks the peer of a leg to speak with somebody else.
    pub(super) fn refer(&mut self, now: Instant, index: usize, to: Transfer, is_silent: bool) {
        if self.legs[index].is_referring() || self.refers_until.is_some_and(|until| now > until) {
            return;
        }
        let Some(refer_to) = self.refer_to(index, to) else { return };
        self.coverage.count(Feature::ReferSent);
        let leg = &mut self.legs[index];
        leg.local_cseq += 1;
        leg.is_touched = true;
        let (cseq, destination) = (leg.local_cseq, leg.destination(self.account.server));
        leg.referrals.push(Referral {
            cseq,
            stage: Stage::Asked,
            is_silent,
            finals: 0,
            told: None,
            is_cut_short: false,
        });
        self.launch(now, (Method::Refer, Purpose::Refer(index, cseq)), destination, |agent, via| {
            let builder = agent.in_dialog(index, "REFER", cseq, via).header(Name::ReferTo, refer_to);
            if is_silent { builder.header(Name::ReferSub, "false") } else { builder }
        });
    }

    /// Refer-To. `None`: there is no other call to name.
    fn refer_to(&mut self, index: usize, to: Transfer) -> Option<String> {
        let Transfer::Attended = to else {
            let Transfer::Blind(user) = to else { return None };
            return Some(format!("<sip:{user}@{DOMAIN}>"));
        };
        let is_other = |(at, leg): &(usize, &Leg)| *at != index && !leg.label.is_empty();
        let others = || self.legs.iter().enumerate().filter(is_other);
        // Without a call that stands, one that only rings or is gone: that has to fail.
        let standing = others().find(|(_, leg)| leg.state == LegState::Confirmed && !leg.is_referring());
        let (other, leg) = standing.or_else(|| others().find(|(_, leg)| leg.known_tag().is_some()))?;
        let tag = leg.known_tag()?;
        let replaces = format!("{};to-tag={tag};from-tag={}", leg.call_id, leg.local_tag);
        let uri = leg.remote_uri.split([';', '?']).next().unwrap_or_default().to_owned();
        self.legs[other].is_touched = true;
        Some(format!("<{uri}?Replaces={}>", escaped(&replaces)))
    }

    /// What the peer says to a REFER.
    pub(super) fn on_refer_response(
        &mut self,
        now: Instant,
        (index, cseq): (usize, u32),
        response: &Message,
    ) {
        let is_accepted = response.status() < 300;
        self.coverage.count(if is_accepted { Feature::ReferAccepted } else { Feature::ReferRefused });
        let referrals = &mut self.legs[index].referrals;
        if let Some(referral) = referrals.iter_mut().find(|it| it.cseq == cseq && it.stage == Stage::Asked) {
            referral.stage = if is_accepted { Stage::Accepted } else { Stage::Refused };
        }
        if matches!(response.status(), 408 | 481) {
            self.hang_up(now, index);
        }
    }

    /// Nobody knows whether the peer heard of it (RFC 3261 §12.2.1.2).
    pub(super) fn on_refer_unanswered(&mut self, now: Instant, (index, cseq): (usize, u32)) {
        let referrals = &mut self.legs[index].referrals;
        if let Some(referral) = referrals.iter_mut().find(|it| it.cseq == cseq && it.stage == Stage::Asked) {
            referral.stage = Stage::Refused;
        }
        self.hang_up(now, index);
    }

    /// NOTIFY of the subscription (RFC 3515 §2.4.4).
    pub(super) fn on_notify(&mut self, now: Instant, server: usize, request: &Message) {
        let Some(index) = self.leg_of(request).filter(|&leg| !self.legs[leg].referrals.is_empty()) else {
            return self.respond(now, server, (481, ""), None, |builder| builder);
        };
        let status = fragment(request);
        let is_final =
            request.text(Name::SubscriptionState).is_some_and(|state| state.starts_with("terminated"));
        let is_refer = request.text(Name::Event).is_some_and(|event| event.starts_with("refer"));
        let (Some(status), true) = (status, is_refer) else {
            self.fault(format!("NOTIFY that tells nothing, Call-ID {}", request.call_id()));
            return self.respond(now, server, (400, ""), None, |builder| builder);
        };
        let is_late = request.cseq() <= self.legs[index].remote_cseq;
        self.legs[index].remote_cseq = self.legs[index].remote_cseq.max(request.cseq());
        self.heed_notify(now, index, request, (status, is_final));
        // Overtaken by a later request (RFC 3261 §12.2.2); what it said was understood all the same.
        let code = if is_late { 500 } else { 200 };
        self.respond(now, server, (code, ""), None, |builder| builder);
    }

    fn heed_notify(&mut self, now: Instant, index: usize, notify: &Message, (status, is_final): (u16, bool)) {
        let leg = &mut self.legs[index];
        let id = notify.text(Name::Event).and_then(|event| event.split_once(";id=")?.1.parse().ok());
        let named = leg.referrals.iter().position(|it| Some(it.cseq) == id && it.stage != Stage::Refused);
        let last = leg.referrals.len() - 1;
        let referral = &mut leg.referrals[named.unwrap_or(last)];
        let call_id = notify.call_id();
        let fault = match (is_final, referral.told) {
            _ if referral.is_silent => Some(format!("NOTIFY nobody wanted, Call-ID {call_id}")),
            (true, Some(_)) => Some(format!("subscription ended twice, Call-ID {call_id}")),
            (false, Some((cseq, _))) if notify.cseq() > cseq => {
                Some(format!("NOTIFY after the final one, Call-ID {call_id}"))
            }
            _ => None,
        };
        // It may overtake the response to REFER.
        referral.stage = Stage::Accepted;
        if is_final {
            referral.finals += 1;
            referral.told = Some((notify.cseq(), status));
            let feature = if status < 300 { Feature::TransferTold } else { Feature::TransferFailureTold };
            self.coverage.count(feature);
        }
        if let Some(fault) = fault {
            self.fault(fault);
        }
        if is_final
            && status < 300
            && let Some(after) = self.leaves_after
        {
            self.out.arm(now + after, AgentTimer::Deed(index, Deed::HangUp));
        }
    }

    /// REFERs of this phone.
    pub(crate) fn referrals(&self) -> impl Iterator<Item = ReferralView<'_>> + '_ {
        self.legs.iter().flat_map(|leg| {
            leg.referrals.iter().map(|referral| ReferralView {
                call_id: &leg.call_id,
                state: leg.state,
                told: referral.told.map(|(_, status)| status),
                is_subscribed: referral.stage == Stage::Accepted && !referral.is_silent,
                is_cut_short: referral.is_cut_short,
            })
        })
    }
}

/// The status in a `message/sipfrag` body (RFC 3420).
fn fragment(notify: &Message) -> Option<u16> {
    let is_fragment = notify.content_type().is_some_and(|kind| kind.starts_with("message/sipfrag"));
    let text = std::str::from_utf8(notify.body()).ok().filter(|_| is_fragment)?;
    text.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
}

/// Text as a header inside a URI may have it (RFC 3261 §25.1 `hnv-unreserved`).
fn escaped(text: &str) -> String {
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.~".contains(&octet);
    text.bytes()
        .map(|octet| if is_plain(octet) { char::from(octet).to_string() } else { format!("%{octet:02X}") })
        .collect()
}
