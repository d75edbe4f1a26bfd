//! What a phone does as a callee, and with requests inside its dialogs (RFC 3261 §13.3, §14.2, §15.1.2).

use std::time::{Duration, Instant};

use pbx_sip::{Builder, Contact, Message, Name};

use super::description::{self, Mark};
use super::leg::{ALLOW, Leg, LegState};
use super::outbox::{AgentTimer, Deed};
use super::server::Stage;
use super::user_agent::UserAgent;
use crate::coverage::Feature;
use crate::scenario::Reply;

/// How long a phone rings when nobody picks up and nobody gives up.
const PATIENCE: Duration = Duration::from_secs(100);

impl UserAgent {
    /// An INVITE never seen before.
    pub(super) fn on_invite(&mut self, now: Instant, server: usize, request: &Message) {
        if request.to_tag().is_some() {
            return self.on_reinvite(now, server, request);
        }
        let manners = self.incoming.min(self.manners.len() - 1);
        self.incoming += 1;
        let label = request.named("X-Call").next().map(|label| String::from_utf8_lossy(label).into_owned());
        let index = self.legs.len();
        // Nobody named the call of a transfer.
        let label = label.unwrap_or_else(|| format!("?{}", request.call_id()));
        let mut leg = Leg::new(label, false, manners);
        request.call_id().clone_into(&mut leg.call_id);
        leg.local_tag = format!("{}-{index}", self.token());
        leg.remote_tag = request.from_tag().map(str::to_owned);
        leg.local_uri = request.to().map_or_else(|_| String::new(), |to| to.uri.to_owned());
        leg.remote_uri = request.from().map_or_else(|_| String::new(), |from| from.uri.to_owned());
        leg.remote_cseq = request.cseq();
        leg.invited = Some(server);
        if let Some(Ok(Contact::Addr(contact))) = request.contacts().next() {
            contact.uri.clone_into(&mut leg.target);
        }
        self.legs.push(leg);
        let manners = &self.manners[manners];
        if let Some(after) = manners.rings_after {
            self.out.arm(now + after, AgentTimer::Deed(index, Deed::Ring));
        }
        match manners.reply {
            Reply::Answer { after, .. } | Reply::AnswerBare { after } | Reply::Reject { after, .. } => {
                self.out.arm(now + after, AgentTimer::Deed(index, Deed::Reply));
            }
            Reply::Ring => self.out.arm(now + PATIENCE, AgentTimer::Deed(index, Deed::Reply)),
            Reply::Silence => {}
        }
    }

    /// 180.
    pub(super) fn ring(&mut self, now: Instant, index: usize) {
        let leg = &self.legs[index];
        let Some(server) = leg.invited.filter(|&server| self.servers[server].stage == Stage::Proceeding)
        else {
            return;
        };
        if self.is_reliable_wanted(index, server) {
            return self.send_provisional(now, index, server);
        }
        let (tag, contact) = (leg.local_tag.clone(), self.contact());
        self.respond(now, server, (180, "Ringing"), Some(&tag), |builder| {
            builder.header(Name::Contact, contact)
        });
    }

    /// The final word.
    pub(super) fn reply(&mut self, now: Instant, index: usize) {
        let leg = &self.legs[index];
        let Some(server) = leg.invited.filter(|&server| self.servers[server].stage == Stage::Proceeding)
        else {
            return;
        };
        if leg.provisional.is_some() || leg.updating {
            self.legs[index].reply_wanted = true;
            return;
        }
        match self.manners[leg.plan].reply {
            // One dialog only can confirm what was exchanged in it.
            Reply::Answer { .. } | Reply::AnswerBare { .. } if self.legs[index].settled => {
                self.accept(now, index, server, 1);
            }
            Reply::Answer { tags, .. } => self.accept(now, index, server, tags),
            Reply::AnswerBare { .. } => self.accept(now, index, server, 1),
            Reply::Reject { code, .. } => self.refuse(now, index, server, code),
            Reply::Ring => self.refuse(now, index, server, 480),
            Reply::Silence => {}
        }
    }

    pub(super) fn refuse(&mut self, now: Instant, index: usize, server: usize, code: u16) {
        let tag = self.legs[index].local_tag.clone();
        let contact = self.contact();
        self.respond(now, server, (code, ""), Some(&tag), |builder| match code {
            300..=399 => builder.header(Name::Contact, contact),
            401 => {
                builder.header(Name::WwwAuthenticate, "Digest realm=\"elsewhere\", nonce=\"n\", qop=\"auth\"")
            }
            407 => builder
                .header(Name::ProxyAuthenticate, "Digest realm=\"elsewhere\", nonce=\"n\", qop=\"auth\""),
            _ => builder,
        });
        self.legs[index].invited = None;
        self.end(index);
    }

    /// 200 with one tag, or with several as forks behind the phone would.
    fn accept(&mut self, now: Instant, index: usize, server: usize, tags: u8) {
        if tags > 1 {
            self.coverage.count(Feature::Forked);
        }
        let forks: Vec<usize> = (1..tags).map(|_| self.fork(index)).collect();
        self.legs[index].invited = None;
        for leg in std::iter::once(index).chain(forks) {
            self.confirm(now, leg, server, leg == index);
            let manners = self.manners[self.legs[leg].plan].clone();
            self.arm_deeds(now, leg, manners.hangs_up_after, &manners.reinvites);
        }
    }

    /// Another dialog for the same INVITE.
    fn fork(&mut self, index: usize) -> usize {
        let fork = self.legs.len();
        let of = &self.legs[index];
        let mut leg = Leg::new(of.label.clone(), false, of.plan);
        leg.call_id.clone_from(&of.call_id);
        leg.remote_tag.clone_from(&of.remote_tag);
        leg.local_uri.clone_from(&of.local_uri);
        leg.remote_uri.clone_from(&of.remote_uri);
        leg.target.clone_from(&of.target);
        leg.remote_cseq = of.remote_cseq;
        leg.local_tag = format!("{}-{fork}", self.token());
        self.legs.push(leg);
        fork
    }

    /// The answer to an offer: to one that changes nothing, what was said before (RFC 3264 §8).
    fn answer_to(&mut self, index: usize, offer: Option<&Mark>) -> (Mark, String) {
        let leg = &self.legs[index];
        match &leg.local {
            Some(said) if offer.is_some() && leg.remote.as_ref() == offer => {
                let body = description::write(said, self.account.media, said.version(), leg.alaw_first);
                (said.clone(), body)
            }
            _ => self.describe(index, offer),
        }
    }

    /// Sends a 2xx to the INVITE of `server` on behalf of a leg, and waits for the ACK.
    fn confirm(&mut self, now: Instant, index: usize, server: usize, through_server: bool) {
        let request = self.servers[server].request.clone();
        let settled = std::mem::take(&mut self.legs[index].settled);
        let offer = request.sdp().and_then(Mark::read);
        if offer.is_none() && request.sdp().is_some() && !self.foreign_bodies {
            self.fault(format!("offer of a stranger, Call-ID {}", request.call_id()));
        }
        if settled {
            return self.confirm_settled(now, index, server, &request);
        }
        let (mark, body) = self.answer_to(index, offer.as_ref());
        let tag = self.legs[index].local_tag.clone();
        let leg = &self.legs[index];
        let bare =
            request.to_tag().is_none() && matches!(self.manners[leg.plan].reply, Reply::AnswerBare { .. });
        let builder = Builder::response(&request, 200, "OK", Some(&tag))
            .header(Name::Contact, self.contact())
            .header(Name::Allow, ALLOW);
        let builder = self.grant_session(now, index, &request, builder);
        let builder = if bare { builder } else { builder.body("application/sdp", body.as_bytes()) };
        let bytes = builder.finish();
        if through_server {
            self.dispatch(now, server, 200, bytes.clone());
        } else {
            self.out.send(self.account.server, bytes.clone());
        }
        let late = offer.is_none();
        let leg = &mut self.legs[index];
        leg.state = LegState::Confirmed;
        if !late {
            (leg.local, leg.remote) = (Some(mark.clone()), offer);
        }
        self.await_ack(now, index, &request, (bytes, late.then_some(mark)));
    }

    fn on_reinvite(&mut self, now: Instant, server: usize, request: &Message) {
        let leg = self.leg_of(request).filter(|&leg| self.legs[leg].state == LegState::Confirmed);
        let Some(index) = leg else {
            return self.respond(now, server, (481, ""), None, |builder| builder);
        };
        let leg = &mut self.legs[index];
        if request.cseq() <= leg.remote_cseq {
            return self.respond(now, server, (500, ""), None, |builder| builder);
        }
        leg.remote_cseq = request.cseq();
        if leg.updating || leg.inviting.is_some() {
            return self.respond(now, server, (491, ""), None, |builder| builder);
        }
        if leg.accepted.is_some() {
            return self
                .respond(now, server, (500, ""), None, |builder| builder.header(Name::RetryAfter, "1"));
        }
        if let Some(Ok(Contact::Addr(contact))) = request.contacts().next() {
            contact.uri.clone_into(&mut leg.target);
        }
        self.confirm(now, index, server, true);
    }

    /// CANCEL: 487 for an INVITE that is still unanswered.
    pub(super) fn on_cancel(&mut self, now: Instant, server: usize, invite: Option<usize>) {
        let Some(invite) = invite else {
            return self.respond(now, server, (481, ""), None, |builder| builder);
        };
        self.respond(now, server, (200, "OK"), None, |builder| builder);
        if self.servers[invite].stage != Stage::Proceeding {
            return;
        }
        if let Some(index) = self.legs.iter().position(|leg| leg.invited == Some(invite)) {
            self.refuse(now, index, invite, 487);
        }
    }

    /// BYE.
    pub(super) fn on_bye(&mut self, now: Instant, server: usize, request: &Message) {
        let leg = self.leg_of(request).filter(|&leg| self.legs[leg].state != LegState::Ended);
        let Some(index) = leg else {
            return self.respond(now, server, (481, ""), None, |builder| builder);
        };
        self.respond(now, server, (200, "OK"), None, |builder| builder);
        let leg = &mut self.legs[index];
        leg.accepted = None;
        leg.cut_referrals_short();
        leg.remote_cseq = leg.remote_cseq.max(request.cseq());
        if leg.state != LegState::Ending {
            self.end(index);
        }
    }

    /// ACK for a 2xx.
    pub(super) fn on_ack(&mut self, now: Instant, ack: &Message) {
        let Some(index) = self.leg_of(ack) else { return };
        let leg = &mut self.legs[index];
        let Some(accepted) = leg.accepted.take_if(|accepted| accepted.cseq == ack.cseq()) else { return };
        let wanted = std::mem::take(&mut leg.hang_up_wanted);
        if let Some(offer) = accepted.offer {
            // A dialog that is only being ended gets no answer.
            let answer = ack.sdp().and_then(Mark::read);
            let leg = &mut self.legs[index];
            if answer.is_some() {
                (leg.local, leg.remote) = (Some(offer), answer);
            } else {
                self.out.arm(now + Duration::from_secs(2), AgentTimer::Deed(index, Deed::HangUp));
            }
        }
        if wanted {
            self.hang_up(now, index);
        }
    }

    /// The leg a request belongs to: Call-ID and both tags.
    pub(super) fn leg_of(&self, request: &Message) -> Option<usize> {
        let (local, remote) = (request.to_tag()?, request.from_tag()?);
        let fits = |leg: &Leg| {
            leg.local_tag == local
                && leg.remote_tag.as_deref() == Some(remote)
                && leg.call_id == request.call_id()
        };
        self.legs.iter().position(fits)
    }
}
