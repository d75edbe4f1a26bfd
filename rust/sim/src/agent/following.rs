//! What a phone does that is asked by REFER to call somebody (RFC 3515 §2.4).

use std::time::{Duration, Instant};

use pbx_sip::{Message, Method, Name, ReferTo};

use super::client::Purpose;
use super::leg::LegState;
use super::user_agent::UserAgent;
use crate::coverage::Feature;
use crate::scenario::CallPlan;

/// The REFER a call was placed for: the leg it came on; `None`: its sender wants no NOTIFY.
pub(super) type Errand = Option<usize>;

impl UserAgent {
    /// REFER.
    pub(super) fn on_refer(&mut self, now: Instant, server: usize, request: &Message) {
        let leg = self.leg_of(request).filter(|&leg| self.legs[leg].state == LegState::Confirmed);
        let Some(index) = leg else {
            return self.respond(now, server, (481, ""), None, |builder| builder);
        };
        let leg = &mut self.legs[index];
        if request.cseq() <= leg.remote_cseq {
            return self.respond(now, server, (500, ""), None, |builder| builder);
        }
        leg.remote_cseq = request.cseq();
        leg.is_touched = true;
        let target = request.values(Name::ReferTo).next().and_then(|value| ReferTo::parse(value).ok());
        let Some(target) = target else {
            self.fault(format!("REFER to nobody, Call-ID {}", request.call_id()));
            return self.respond(now, server, (400, ""), None, |builder| builder);
        };
        if let Some(code) = self.refer_refusal {
            self.coverage.count(Feature::ReferDeclined);
            return self.respond(now, server, (code, ""), None, |builder| builder);
        }
        let is_silent = request.text(Name::ReferSub).is_some_and(|text| text.eq_ignore_ascii_case("false"));
        let contact = self.contact();
        self.respond(now, server, (202, "Accepted"), None, |builder| {
            let builder = builder.header(Name::Contact, contact);
            if is_silent { builder.header(Name::ReferSub, "false") } else { builder }
        });
        self.coverage.count(Feature::ReferFollowed);
        self.follow(now, (!is_silent).then_some(index), &target);
    }

    fn follow(&mut self, now: Instant, errand: Errand, target: &ReferTo) {
        self.tell(now, errand, (100, "Trying"), false);
        let plan = self.calls.len();
        self.calls.push(CallPlan::new(Duration::ZERO, self.account.index, ""));
        let index = self.prepare(plan, &target.uri);
        let leg = &mut self.legs[index];
        leg.label = format!("{}-f{index}", self.account.index);
        leg.errand = errand;
        leg.replaces = target.replaces.as_ref().map(ToString::to_string);
        leg.is_touched = leg.replaces.is_some();
        self.invite(now, index);
    }

    /// Tells who sent the REFER how its call goes.
    pub(super) fn tell_outcome(&mut self, now: Instant, index: usize, status: u16) {
        let errand = self.legs[index].errand;
        self.tell(now, errand, (status, ""), status >= 200);
        if status >= 200 {
            self.legs[index].errand = None;
        }
    }

    fn tell(&mut self, now: Instant, errand: Errand, (status, reason): (u16, &str), is_last: bool) {
        let Some(index) = errand.filter(|&leg| self.legs[leg].state == LegState::Confirmed) else { return };
        let leg = &mut self.legs[index];
        leg.local_cseq += 1;
        let (cseq, destination) = (leg.local_cseq, leg.destination(self.account.server));
        let state = if is_last { "terminated;reason=noresource" } else { "active;expires=240" };
        self.launch(now, (Method::Notify, Purpose::Notify), destination, |agent, via| {
            agent
                .in_dialog(index, "NOTIFY", cseq, via)
                .header(Name::Event, "refer")
                .header(Name::SubscriptionState, state)
                .body("message/sipfrag;version=2.0", format!("SIP/2.0 {status} {reason}\r\n").as_bytes())
        });
    }
}
