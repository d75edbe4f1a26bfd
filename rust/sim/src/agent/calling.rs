//! What a phone does as a caller, and with the answers to its own re-INVITEs (RFC 3261 §13.2, §14.1).

use std::time::{Duration, Instant};

use pbx_sip::{Builder, Contact, Message, Method, Name};

use super::client::Purpose;
use super::leg::{ALLOW, Leg, LegState, Outcome};
use super::outbox::{AgentTimer, Deed};
use super::user_agent::UserAgent;
use super::wallet::Challenger;
use crate::coverage::Feature;
use crate::scenario::{Change, DOMAIN, Reliability};

/// Challenges answered for one request before giving up.
const MAX_CHALLENGES: u8 = 3;
/// How often a refused re-INVITE is tried again.
const MAX_RETRIES: u8 = 6;

impl UserAgent {
    /// Places a call.
    pub(super) fn dial(&mut self, now: Instant, plan: usize) {
        let uri = self.calls[plan].uri();
        let index = self.prepare(plan, &uri);
        if let Some(after) = self.calls[plan].cancels_after {
            self.out.arm(now + after, AgentTimer::Deed(index, Deed::Cancel));
        }
        self.invite(now, index);
    }

    /// A leg towards a URI, with nothing sent yet.
    pub(super) fn prepare(&mut self, plan: usize, uri: &str) -> usize {
        let index = self.legs.len();
        let mut leg = Leg::new(format!("{}-{plan}", self.account.index), true, plan);
        leg.call_id = format!("{}@{}", self.token(), self.account.address.ip());
        leg.local_tag = format!("{}-{index}", self.token());
        leg.local_uri = format!("sip:{}@{DOMAIN}", self.account.user);
        uri.clone_into(&mut leg.remote_uri);
        uri.clone_into(&mut leg.target);
        self.legs.push(leg);
        index
    }

    /// Sends the first INVITE of a leg, or the next after a challenge.
    pub(super) fn invite(&mut self, now: Instant, index: usize) {
        let plan = &self.calls[self.legs[index].plan];
        let (late, foreign) = (plan.late_offer, plan.body.clone());
        let body = if late {
            None
        } else if foreign.is_some() {
            foreign
        } else {
            let (mark, body) = self.describe(index, None);
            self.legs[index].offered = Some(mark);
            Some(body.into_bytes())
        };
        let leg = &mut self.legs[index];
        leg.local_cseq += 1;
        let cseq = leg.local_cseq;
        let purpose = (Method::Invite, Purpose::Invite(index));
        let client = self.launch(now, purpose, self.account.server, |agent, via| {
            agent.compose_invite(index, cseq, via, body.as_deref())
        });
        self.legs[index].inviting = Some(client);
    }

    fn compose_invite(&mut self, index: usize, cseq: u32, via: &str, body: Option<&[u8]>) -> Builder {
        let leg = &self.legs[index];
        let uri = leg.target.clone();
        let mut builder = Builder::request("INVITE", &uri)
            .header(Name::Via, via)
            .header(Name::MaxForwards, "70")
            .header(Name::From, format!("<{}>;tag={}", leg.local_uri, leg.local_tag))
            .header(Name::To, format!("<{}>", leg.remote_uri))
            .header(Name::CallId, &leg.call_id)
            .header(Name::CSeq, format!("{cseq} INVITE"))
            .header(Name::Contact, self.contact())
            .header(Name::Allow, ALLOW)
            .raw_name("X-Call", leg.label.as_bytes());
        if let Some(answer) = self.wallet.answer(Challenger::Proxy, &self.account, "INVITE", &uri) {
            builder = builder.header(Challenger::Proxy.answer(), answer);
        }
        builder = self.ask_session(index, builder);
        if let Some(replaces) = &self.legs[index].replaces {
            builder = builder.header(Name::Replaces, replaces);
        }
        builder = match self.calls[self.legs[index].plan].reliability {
            Reliability::None => builder,
            Reliability::Supported => builder.header(Name::Supported, "100rel"),
            Reliability::Required => builder.header(Name::Require, "100rel"),
        };
        match body {
            Some(body) => builder.body("application/sdp", body),
            None => builder,
        }
    }

    /// CANCEL, or hanging up when the answer came first.
    pub(super) fn give_up(&mut self, now: Instant, index: usize) {
        let leg = &mut self.legs[index];
        leg.cancel_wanted = true;
        if leg.state == LegState::Inviting
            && leg.is_caller
            && let Some(client) = leg.inviting
        {
            self.cancel(now, client);
        }
    }

    /// A 2xx to the first INVITE of a leg.
    pub(super) fn on_answer(&mut self, now: Instant, index: usize, response: &Message) {
        let leg = &mut self.legs[index];
        let tag = response.to_tag().unwrap_or("");
        match &leg.remote_tag {
            Some(known) if known == tag => self.repeat_ack(index, response.cseq()),
            Some(_) => {
                leg.other_answers += 1;
                self.dismiss(now, index, response);
            }
            None if leg.state == LegState::Inviting => self.take_answer(now, index, response),
            None => self.dismiss(now, index, response),
        }
    }

    fn take_answer(&mut self, now: Instant, index: usize, response: &Message) {
        self.adopt(index, response);
        let leg = &mut self.legs[index];
        leg.state = LegState::Confirmed;
        leg.outcome = Outcome::Answered;
        leg.inviting = None;
        let given_up = leg.cancel_wanted;
        self.agree_session(now, index, response);
        let leg = &self.legs[index];
        let plan = self.calls[leg.plan].clone();
        if !plan.never_acks {
            self.conclude(now, index, response, "2xx");
        }
        self.tell_outcome(now, index, 200);
        self.arm_deeds(now, index, plan.hangs_up_after, &plan.reinvites);
        if given_up || self.finished {
            self.hang_up(now, index);
        }
    }

    /// Takes the session of a 2xx and sends the ACK, with an answer if the 2xx held the offer.
    fn conclude(&mut self, now: Instant, index: usize, response: &Message, what: &str) {
        if std::mem::take(&mut self.legs[index].settled) {
            return self.send_ack(now, index, response.cseq(), None);
        }
        let remote = self.read_mark(response, what);
        let offered = self.legs[index].offered.take();
        let (local, body) = match (&offered, &remote) {
            (Some(_), _) => (offered, None),
            (None, Some(offer)) => {
                let (mark, body) = self.describe(index, Some(offer));
                (Some(mark), Some(body))
            }
            (None, None) => (None, None),
        };
        let leg = &mut self.legs[index];
        (leg.local, leg.remote) = (local, remote);
        self.send_ack(now, index, response.cseq(), body.as_deref());
    }

    /// Keeps tag and Contact of the peer.
    pub(super) fn adopt(&mut self, index: usize, response: &Message) {
        let leg = &mut self.legs[index];
        leg.remote_tag = response.to_tag().map(str::to_owned);
        if let Some(Ok(Contact::Addr(contact))) = response.contacts().next() {
            contact.uri.clone_into(&mut leg.target);
        }
    }

    fn send_ack(&mut self, _now: Instant, index: usize, cseq: u32, body: Option<&str>) {
        let branch = format!("z9hG4bK{}-ack", self.token());
        let via = self.via(&branch);
        let builder = self.in_dialog(index, "ACK", cseq, &via);
        let builder = match body {
            Some(body) => builder.body("application/sdp", body.as_bytes()),
            None => builder,
        };
        let bytes = builder.finish();
        let leg = &mut self.legs[index];
        leg.acks.push((cseq, bytes.clone()));
        let destination = leg.destination(self.account.server);
        self.out.send(destination, bytes);
    }

    fn repeat_ack(&mut self, index: usize, cseq: u32) {
        let leg = &self.legs[index];
        if let Some((_, bytes)) = leg.acks.iter().find(|(acked, _)| *acked == cseq) {
            let destination = leg.destination(self.account.server);
            self.out.send(destination, bytes.clone());
        }
    }

    /// Ends a dialog nobody waits for: ACK, then BYE (RFC 3261 §13.2.2.4).
    fn dismiss(&mut self, now: Instant, index: usize, response: &Message) {
        let of = &self.legs[index];
        let mut leg = Leg::new(String::new(), true, of.plan);
        leg.call_id.clone_from(&of.call_id);
        leg.local_tag.clone_from(&of.local_tag);
        leg.local_uri.clone_from(&of.local_uri);
        leg.remote_uri.clone_from(&of.remote_uri);
        leg.target.clone_from(&of.target);
        leg.local_cseq = of.local_cseq;
        let stray = self.legs.len();
        self.legs.push(leg);
        self.adopt(stray, response);
        let known = |other: &Leg| {
            other.call_id == self.legs[stray].call_id && other.remote_tag == self.legs[stray].remote_tag
        };
        if let Some(first) = self.legs[..stray].iter().position(known) {
            self.legs.pop();
            return self.repeat_ack(first, response.cseq());
        }
        self.send_ack(now, stray, response.cseq(), None);
        self.legs[stray].state = LegState::Confirmed;
        self.hang_up(now, stray);
    }

    /// A failure of the first INVITE.
    pub(super) fn on_invite_failure(&mut self, now: Instant, index: usize, response: &Message) {
        let status = response.status();
        let leg = &mut self.legs[index];
        leg.inviting = None;
        let challenger =
            Challenger::of(status).filter(|_| leg.challenges < MAX_CHALLENGES && !leg.cancel_wanted);
        if let Some(challenger) = challenger {
            leg.challenges += 1;
            if self.wallet.learn(challenger, response) && !self.finished {
                return self.invite(now, index);
            }
        }
        if !self.finished && !self.legs[index].cancel_wanted && self.raise_interval(index, response) {
            return self.invite(now, index);
        }
        self.legs[index].outcome = Outcome::Failed(status);
        self.tell_outcome(now, index, status);
        self.end(index);
    }

    /// No final response.
    pub(super) fn on_invite_unanswered(&mut self, now: Instant, index: usize) {
        self.tell_outcome(now, index, 408);
        let leg = &mut self.legs[index];
        leg.inviting = None;
        leg.outcome = Outcome::Unanswered;
        self.end(index);
    }

    /// 2xx to a re-INVITE.
    pub(super) fn on_reinvite_answer(
        &mut self,
        now: Instant,
        (index, change): (usize, Change),
        response: &Message,
        is_first: bool,
    ) {
        let is_acked = self.legs[index].acks.iter().any(|(cseq, _)| *cseq == response.cseq());
        if !is_first && is_acked {
            return self.repeat_ack(index, response.cseq());
        }
        let leg = &mut self.legs[index];
        leg.inviting = None;
        if leg.state != LegState::Confirmed {
            leg.offered = None;
            return self.send_ack(now, index, response.cseq(), None);
        }
        if change == Change::NoOffer {
            leg.offered = None;
        }
        self.adopt(index, response);
        self.agree_session(now, index, response);
        if change == Change::Refresh {
            self.coverage.count(Feature::PhoneRefreshedByInvite);
        }
        self.conclude(now, index, response, "2xx to re-INVITE");
    }

    /// A refused re-INVITE: the session stays as it was (RFC 3261 §14.1).
    pub(super) fn on_reinvite_failure(
        &mut self,
        now: Instant,
        index: usize,
        change: Change,
        response: &Message,
    ) {
        let chance = self.chance();
        let leg = &mut self.legs[index];
        leg.inviting = None;
        leg.offered = None;
        // The owner of the Call-ID waits longer, so that one of the two gets through.
        let wait = match (response.status(), leg.is_caller) {
            (491, true) => Some(Duration::from_millis(2100 + u64::from(chance % 190) * 10)),
            (491, false) => Some(Duration::from_millis(u64::from(chance % 200) * 10)),
            (500, _) => response.number(Name::RetryAfter).map(|secs| Duration::from_secs(secs.into())),
            _ => None,
        };
        match (response.status(), wait) {
            (408 | 481, _) => self.hang_up(now, index),
            (_, Some(wait)) if leg.retries < MAX_RETRIES => {
                leg.retries += 1;
                self.out.arm(now + wait, AgentTimer::Deed(index, Deed::Reinvite(change)));
            }
            _ => {}
        }
    }

    /// A re-INVITE nobody answers ends the call (RFC 3261 §14.1 with §12.2.1.2).
    pub(super) fn on_reinvite_unanswered(&mut self, now: Instant, index: usize) {
        let leg = &mut self.legs[index];
        leg.inviting = None;
        leg.offered = None;
        self.hang_up(now, index);
    }
}
