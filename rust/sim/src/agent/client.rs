//! Client transactions of a phone (RFC 3261 §17.1).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pbx_sip::{Builder, Bytes, Message, Method, Name};

use super::outbox::AgentTimer;
use super::user_agent::{T1, T1X64, T2, UserAgent};
use crate::scenario::Change;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Registration.
    Register,
    /// First INVITE of a leg.
    Invite(usize),
    /// INVITE inside a leg.
    Reinvite(usize, Change),
    /// End of a leg.
    Bye(usize),
    /// End of an INVITE.
    Cancel,
    /// Offer inside a leg that is no INVITE.
    Update(usize, Change),
    /// The same before the answer.
    EarlyUpdate(usize),
    /// Acknowledgement of a provisional response of a leg.
    Prack(usize),
    /// Peer of a leg to be connected to somebody else; CSeq of the REFER.
    Refer(usize, u32),
    /// Session of a leg to be kept alive.
    Refresh(usize),
    /// How the call somebody asked for goes.
    Notify,
    /// Something said inside a leg.
    Info,
    /// Something said outside any leg.
    Page(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Calling,
    Proceeding,
    /// A final response came; copies are absorbed.
    Completed,
    /// Nothing came.
    TimedOut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cancelling {
    No,
    /// Held back until a provisional response (RFC 3261 §9.1).
    Held,
    Sent,
}

/// One request under way.
#[derive(Debug)]
pub(super) struct Client {
    method: Method,
    purpose: Purpose,
    request: Bytes,
    destination: SocketAddr,
    pub(super) progress: Progress,
    interval: Duration,
    next_at: Instant,
    ends_at: Instant,
    cancelling: Cancelling,
    ack: Option<Bytes>,
}

impl Client {
    /// Nobody waits for the response.
    pub(super) fn give_up(&mut self) {
        self.progress = Progress::TimedOut;
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.progress, Progress::Completed | Progress::TimedOut)
    }
}

impl UserAgent {
    /// Sends a request; `compose` gets the Via value.
    pub(super) fn launch(
        &mut self,
        now: Instant,
        (method, purpose): (Method, Purpose),
        destination: SocketAddr,
        compose: impl FnOnce(&mut Self, &str) -> Builder,
    ) -> usize {
        let index = self.clients.len();
        let branch = format!("z9hG4bK{}-{index}", self.token());
        let via = self.via(&branch);
        let request = compose(self, &via).finish();
        self.run(now, (method, purpose), destination, request);
        index
    }

    fn run(
        &mut self,
        now: Instant,
        (method, purpose): (Method, Purpose),
        destination: SocketAddr,
        request: Bytes,
    ) {
        let index = self.clients.len();
        self.out.send(destination, request.clone());
        let next_at = self.repeat_at(now);
        self.out.arm(next_at, AgentTimer::Client(index));
        self.clients.push(Client {
            method,
            purpose,
            request,
            destination,
            progress: Progress::Calling,
            interval: T1,
            next_at,
            ends_at: now + T1X64,
            cancelling: Cancelling::No,
            ack: None,
        });
    }

    /// Retransmission (timers A, E) or the end (B, F).
    pub(super) fn on_client_timer(&mut self, now: Instant, index: usize) {
        let client = &mut self.clients[index];
        if client.is_over() || now < client.next_at {
            return;
        }
        if now >= client.ends_at {
            return self.fail_client(now, index);
        }
        self.out.send(client.destination, client.request.clone());
        client.interval = match (client.method, client.progress) {
            (Method::Invite, _) => 2 * client.interval,
            (_, Progress::Proceeding) => T2,
            _ => (2 * client.interval).min(T2),
        };
        client.next_at = (now + client.interval).min(client.ends_at);
        self.out.arm(client.next_at, AgentTimer::Client(index));
    }

    /// No response can come any more.
    pub(super) fn fail_client(&mut self, now: Instant, index: usize) {
        let client = &mut self.clients[index];
        if client.is_over() {
            return;
        }
        client.progress = Progress::TimedOut;
        let purpose = client.purpose;
        self.on_client_timeout(now, purpose);
    }

    fn on_client_timeout(&mut self, now: Instant, purpose: Purpose) {
        match purpose {
            Purpose::Register => self.on_registration_failed(now),
            Purpose::Invite(leg) => self.on_invite_unanswered(now, leg),
            Purpose::Reinvite(leg, _) => self.on_reinvite_unanswered(now, leg),
            Purpose::Bye(leg) => self.on_bye_over(leg),
            Purpose::Page(page) => self.on_page_unanswered(page),
            Purpose::Update(leg, _) => self.on_reinvite_unanswered(now, leg),
            Purpose::Refresh(leg) => self.hang_up(now, leg),
            Purpose::Refer(leg, cseq) => self.on_refer_unanswered(now, (leg, cseq)),
            Purpose::EarlyUpdate(leg) => self.on_early_update_unanswered(now, leg),
            Purpose::Cancel | Purpose::Info | Purpose::Prack(_) | Purpose::Notify => {}
        }
    }

    /// A response: to its transaction, then to what the request was for.
    pub(super) fn on_response(&mut self, now: Instant, response: &Message) {
        let Some(index) = self.client_of(response) else {
            self.strays += 1;
            return;
        };
        let status = response.status();
        let client = &mut self.clients[index];
        let is_copy = client.is_over();
        let purpose = client.purpose;
        if status < 200 {
            if !is_copy {
                self.on_provisional(now, index, response);
            }
            return;
        }
        if client.method == Method::Invite && status >= 300 {
            let ack = client.ack.get_or_insert_with(|| hop_by_hop(&client.request, "ACK", Some(response)));
            self.out.send(client.destination, ack.clone());
        }
        let was = std::mem::replace(&mut client.progress, Progress::Completed);
        if client.method == Method::Invite && status < 300 {
            // Every copy is acknowledged, and dialogs of other forks too, even after giving up (§13.2.2.4).
            return match purpose {
                Purpose::Reinvite(leg, change) => {
                    self.on_reinvite_answer(now, (leg, change), response, !is_copy);
                }
                Purpose::Invite(leg) => self.on_answer(now, leg, response),
                _ => {}
            };
        }
        if is_copy {
            // Too late: whoever timed out has acted already.
            self.clients[index].progress = was;
            return;
        }
        match purpose {
            Purpose::Register => self.on_register_response(now, response),
            Purpose::Invite(leg) => self.on_invite_failure(now, leg, response),
            Purpose::Reinvite(leg, change) => self.on_reinvite_failure(now, leg, change, response),
            Purpose::Bye(leg) => self.on_bye_over(leg),
            Purpose::Page(page) => self.on_page_response(now, page, response),
            Purpose::Refresh(leg) => self.on_refresh_response(now, leg, response),
            Purpose::Update(leg, change) => self.on_update_response(now, (leg, change), response),
            Purpose::Refer(leg, cseq) => self.on_refer_response(now, (leg, cseq), response),
            Purpose::EarlyUpdate(leg) => self.on_early_update_response(now, leg, response),
            Purpose::Prack(leg) if response.status() < 300 => self.plan_early_update(now, leg),
            Purpose::Cancel | Purpose::Info | Purpose::Prack(_) | Purpose::Notify => {}
        }
    }

    fn client_of(&self, response: &Message) -> Option<usize> {
        let via = response.via().ok()?;
        let branch = via.params.value("branch")?;
        let index: usize = branch.rsplit_once('-')?.1.parse().ok()?;
        // CANCEL shares the branch of its INVITE, not its place.
        let index = if response.cseq_method() == Method::Cancel {
            *self.cancels.iter().find(|(invite, _)| *invite == index).map(|(_, cancel)| cancel)?
        } else {
            index
        };
        let client = self.clients.get(index)?;
        (client.method == response.cseq_method() && contains(&client.request, branch.as_bytes()))
            .then_some(index)
    }

    fn on_provisional(&mut self, now: Instant, index: usize, response: &Message) {
        let client = &mut self.clients[index];
        client.progress = Progress::Proceeding;
        if client.method != Method::Invite {
            return;
        }
        if let Purpose::Invite(leg) = client.purpose
            && response.status() > 100
        {
            self.legs[leg].rung = true;
            self.legs[leg].early_tag = response.to_tag().map(str::to_owned);
            self.acknowledge_provisional(now, leg, response);
        }
        match self.clients[index].cancelling {
            Cancelling::Held => self.send_cancel(now, index),
            Cancelling::Sent => {}
            Cancelling::No => {
                // Ringing has no limit here; whoever called gives up by CANCEL.
                let client = &mut self.clients[index];
                client.ends_at = now + Duration::from_secs(3600);
                client.next_at = client.ends_at;
            }
        }
    }

    /// CANCEL for an INVITE, sent once a provisional response has come.
    pub(super) fn cancel(&mut self, now: Instant, index: usize) {
        let client = &mut self.clients[index];
        if client.is_over() || client.cancelling != Cancelling::No {
            return;
        }
        match client.progress {
            Progress::Proceeding => self.send_cancel(now, index),
            _ => client.cancelling = Cancelling::Held,
        }
    }

    fn send_cancel(&mut self, now: Instant, index: usize) {
        let client = &mut self.clients[index];
        client.cancelling = Cancelling::Sent;
        // RFC 3261 §9.1: without a final response 64*T1 later the INVITE counts as cancelled.
        client.ends_at = now + T1X64;
        client.next_at = client.ends_at;
        let (destination, request) = (client.destination, hop_by_hop(&client.request, "CANCEL", None));
        self.out.arm(client.ends_at, AgentTimer::Client(index));
        self.cancels.push((index, self.clients.len()));
        self.run(now, (Method::Cancel, Purpose::Cancel), destination, request);
    }
}

/// ACK for a failure, or CANCEL: the INVITE's Request-URI, topmost Via, From, Call-ID and CSeq number
/// (RFC 3261 §9.1, §17.1.1.3).
fn hop_by_hop(invite: &Bytes, method: &str, response: Option<&Message>) -> Bytes {
    let Ok(invite) = Message::parse(invite.clone(), &pbx_sip::Limits::default()) else { return Bytes::new() };
    let to = response.unwrap_or(&invite).header(Name::To).unwrap_or_default();
    let mut builder = Builder::request(method, invite.request_uri());
    for name in [Name::Via, Name::From, Name::CallId] {
        builder = builder.header(name, invite.header(name).unwrap_or_default());
    }
    builder
        .header(Name::To, to)
        .header(Name::CSeq, format!("{} {method}", invite.cseq()))
        .header(Name::MaxForwards, "70")
        .finish()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
