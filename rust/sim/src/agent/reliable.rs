//! Reliable provisional responses and UPDATE, as a phone does them (RFC 3262, RFC 3311).

use std::time::{Duration, Instant};

use pbx_sip::dialog::{rack, rseq};
use pbx_sip::{Builder, Bytes, Contact, Message, Method, Name};

use super::client::Purpose;
use super::description::Mark;
use super::leg::{ALLOW, LegState};
use super::outbox::{AgentTimer, Deed};
use super::server::Stage;
use super::user_agent::{T1, T1X64, UserAgent};
use crate::coverage::Feature;
use crate::scenario::Change;

/// A reliable response that waits for its PRACK.
#[derive(Debug)]
pub(super) struct Provisional {
    server: usize,
    rseq: u32,
    bytes: Bytes,
    interval: Duration,
    next_at: Instant,
    ends_at: Instant,
    /// Our offer, when the INVITE had none.
    offer: Option<Mark>,
}

impl UserAgent {
    /// Whether a call is to be answered 183, reliably.
    pub(super) fn is_reliable_wanted(&self, index: usize, server: usize) -> bool {
        let leg = &self.legs[index];
        let request = &self.servers[server].request;
        let is_known = |name| request.has_token(name, "100rel");
        !self.foreign_bodies
            && self.manners[leg.plan].reliable
            && (is_known(Name::Supported) || is_known(Name::Require))
    }

    /// 183 with the answer, or with an offer.
    pub(super) fn send_provisional(&mut self, now: Instant, index: usize, server: usize) {
        let request = self.servers[server].request.clone();
        let offer = request.sdp().and_then(Mark::read);
        let (mark, body) = self.describe(index, offer.as_ref());
        let rseq = 1 + self.chance();
        let leg = &mut self.legs[index];
        let bytes = Builder::response(&request, 183, "Session Progress", Some(&leg.local_tag))
            .header(Name::Contact, self.contact())
            .header(Name::Allow, ALLOW)
            .header(Name::Require, "100rel")
            .header(Name::RSeq, rseq.to_string())
            .body("application/sdp", body.as_bytes())
            .finish();
        let leg = &mut self.legs[index];
        let late = offer.is_none();
        if !late {
            (leg.local, leg.remote) = (Some(mark.clone()), offer);
        }
        let (next_at, ends_at) = (now + T1, now + T1X64);
        let offer = late.then_some(mark);
        leg.provisional =
            Some(Provisional { server, rseq, bytes: bytes.clone(), interval: T1, next_at, ends_at, offer });
        self.out.arm(next_at, AgentTimer::Deed(index, Deed::Provisional));
        self.dispatch(now, server, 183, bytes);
    }

    /// Repeats it, or gives the call up.
    pub(super) fn repeat_provisional(&mut self, now: Instant, index: usize) {
        let Some(provisional) = &mut self.legs[index].provisional else { return };
        let server = provisional.server;
        if self.servers[server].stage != Stage::Proceeding || now < provisional.next_at {
            return;
        }
        if now >= provisional.ends_at {
            self.legs[index].provisional = None;
            return self.refuse(now, index, server, 480);
        }
        provisional.interval *= 2;
        provisional.next_at = (now + provisional.interval).min(provisional.ends_at);
        let (next_at, bytes) = (provisional.next_at, provisional.bytes.clone());
        self.out.arm(next_at, AgentTimer::Deed(index, Deed::Provisional));
        self.dispatch(now, server, 183, bytes);
    }

    /// PRACK for it.
    pub(super) fn on_prack(&mut self, now: Instant, server: usize, request: &Message) {
        let number = rack(request).map(|(rseq, _)| rseq);
        let leg = self.leg_of(request);
        let fits = |provisional: &mut Provisional| Some(provisional.rseq) == number;
        let known = leg.and_then(|leg| Some((leg, self.legs[leg].provisional.take_if(fits)?)));
        let Some((index, provisional)) = known else {
            return self.respond(now, server, (481, ""), None, |builder| builder);
        };
        let leg = &mut self.legs[index];
        leg.remote_cseq = leg.remote_cseq.max(request.cseq());
        leg.settled = true;
        if let Some(offer) = provisional.offer {
            let answer = self.read_mark(request, "PRACK that owes an answer");
            (self.legs[index].local, self.legs[index].remote) = (Some(offer), answer);
        }
        self.respond(now, server, (200, "OK"), None, |builder| builder);
        if std::mem::take(&mut self.legs[index].reply_wanted) {
            self.reply(now, index);
        }
        self.plan_early_update(now, index);
    }

    /// 200 that says nothing of the session again.
    pub(super) fn confirm_settled(&mut self, now: Instant, index: usize, server: usize, request: &Message) {
        let tag = self.legs[index].local_tag.clone();
        let builder = Builder::response(request, 200, "OK", Some(&tag))
            .header(Name::Contact, self.contact())
            .header(Name::Allow, ALLOW);
        let bytes = self.grant_session(now, index, request, builder).finish();
        self.dispatch(now, server, 200, bytes.clone());
        self.legs[index].state = LegState::Confirmed;
        self.await_ack(now, index, request, (bytes, None));
    }

    /// Acknowledges a reliable response to an INVITE of ours, with an answer if it holds an offer.
    pub(super) fn acknowledge_provisional(&mut self, now: Instant, index: usize, response: &Message) {
        let Some(number) = rseq(response) else { return };
        let leg = &mut self.legs[index];
        if leg.state != LegState::Inviting || leg.rseq.is_some_and(|last| number != last + 1) {
            return;
        }
        leg.rseq = Some(number);
        self.coverage.count(Feature::Acknowledged);
        self.adopt(index, response);
        let body = response.sdp().and_then(Mark::read).and_then(|remote| self.settle(index, remote));
        let rack = format!("{number} {} INVITE", response.cseq());
        let leg = &mut self.legs[index];
        leg.local_cseq += 1;
        let (cseq, destination) = (leg.local_cseq, leg.destination(self.account.server));
        self.launch(now, (Method::Prack, Purpose::Prack(index)), destination, |agent, via| {
            let builder = agent.in_dialog(index, "PRACK", cseq, via).header(Name::RAck, rack);
            match body {
                Some(body) => builder.body("application/sdp", body.as_bytes()),
                None => builder,
            }
        });
        // The dialog is early: the 2xx names it anew.
        self.legs[index].remote_tag = None;
    }

    /// Takes the session of a reliable response. Gives the answer to an offer.
    fn settle(&mut self, index: usize, remote: Mark) -> Option<String> {
        if self.legs[index].settled {
            return None;
        }
        let offered = self.legs[index].offered.take();
        let (local, body) = if let Some(offer) = offered {
            (offer, None)
        } else {
            let (mark, body) = self.describe(index, Some(&remote));
            (mark, Some(body))
        };
        let leg = &mut self.legs[index];
        (leg.local, leg.remote, leg.settled) = (Some(local), Some(remote), true);
        body
    }

    /// UPDATE with an offer.
    pub(super) fn on_update(&mut self, now: Instant, server: usize, request: &Message) {
        let Some(index) = self.leg_of_update(request) else {
            return self.respond(now, server, (481, ""), None, |builder| builder);
        };
        let leg = &mut self.legs[index];
        if request.cseq() <= leg.remote_cseq {
            return self.respond(now, server, (500, ""), None, |builder| builder);
        }
        leg.remote_cseq = request.cseq();
        if let Some(Ok(Contact::Addr(contact))) = request.contacts().next() {
            contact.uri.clone_into(&mut leg.target);
        }
        if leg.updating || leg.state == LegState::Confirmed && leg.inviting.is_some() {
            return self.respond(now, server, (491, ""), None, |builder| builder);
        }
        if leg.accepted.is_some() {
            return self
                .respond(now, server, (500, ""), None, |builder| builder.header(Name::RetryAfter, "1"));
        }
        let contact = self.contact();
        let Some(offer) = request.sdp().and_then(Mark::read) else {
            let tag = self.legs[index].local_tag.clone();
            let builder = Builder::response(request, 200, "OK", Some(&tag)).header(Name::Contact, contact);
            let bytes = self.grant_session(now, index, request, builder).finish();
            return self.dispatch(now, server, 200, bytes);
        };
        let (mark, body) = self.describe(index, Some(&offer));
        let leg = &mut self.legs[index];
        (leg.local, leg.remote) = (Some(mark), Some(offer));
        let tag = self.legs[index].local_tag.clone();
        let builder = Builder::response(request, 200, "OK", Some(&tag)).header(Name::Contact, contact);
        let builder = self.grant_session(now, index, request, builder);
        let bytes = builder.body("application/sdp", body.as_bytes()).finish();
        self.dispatch(now, server, 200, bytes);
    }

    /// What became of an UPDATE of ours.
    pub(super) fn on_update_response(
        &mut self,
        now: Instant,
        (index, change): (usize, Change),
        response: &Message,
    ) {
        if response.status() >= 300 || self.legs[index].state != LegState::Confirmed {
            return self.on_reinvite_failure(now, index, change, response);
        }
        let remote = self.read_mark(response, "2xx to UPDATE");
        self.coverage.count(Feature::Updated);
        self.agree_session(now, index, response);
        let leg = &mut self.legs[index];
        leg.inviting = None;
        (leg.local, leg.remote) = (leg.offered.take(), remote);
    }
}
