//! Server transactions of a phone (RFC 3261 §17.2, RFC 6026).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pbx_sip::{Builder, Bytes, Message, Method};

use super::outbox::AgentTimer;
use super::user_agent::{T1, T1X64, T2, UserAgent};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// No final response yet.
    Proceeding,
    /// A failure of an INVITE that waits for its ACK.
    Completed,
    /// 2xx to INVITE: the leg repeats it.
    Accepted,
    /// Nothing is expected.
    Over,
}

/// One request being served.
#[derive(Debug)]
pub(super) struct Server {
    branch: String,
    source: SocketAddr,
    pub(super) request: Message,
    pub(super) stage: Stage,
    last: Option<Bytes>,
    interval: Duration,
    next_at: Instant,
    ends_at: Instant,
}

impl Server {
    /// Whether any response was sent.
    pub(super) fn was_answered(&self) -> bool {
        self.last.is_some()
    }
}

impl UserAgent {
    /// A request: a copy gets the last response again; ACK and CANCEL meet their INVITE.
    pub(super) fn on_request(&mut self, now: Instant, source: SocketAddr, request: &Message) {
        let branch = request.via().ok().and_then(|via| via.params.value("branch")).unwrap_or("").to_owned();
        let method = request.method();
        let invite = self.server_of(&branch, Method::Invite);
        match method {
            Method::Ack => {
                match invite.filter(|&index| self.servers[index].stage == Stage::Completed) {
                    Some(index) => self.servers[index].stage = Stage::Over,
                    None => self.on_ack(now, request),
                }
                return;
            }
            _ => {
                if let Some(index) = self.server_of(&branch, method) {
                    return self.repeat(index);
                }
            }
        }
        let index = self.servers.len();
        self.servers.push(Server {
            branch,
            source,
            request: request.clone(),
            stage: Stage::Proceeding,
            last: None,
            interval: T1,
            next_at: now + T1,
            ends_at: now + T1X64,
        });
        match method {
            Method::Invite => self.on_invite(now, index, request),
            Method::Cancel => self.on_cancel(now, index, invite),
            Method::Bye => self.on_bye(now, index, request),
            Method::Prack => self.on_prack(now, index, request),
            Method::Update => self.on_update(now, index, request),
            Method::Refer => self.on_refer(now, index, request),
            Method::Notify => self.on_notify(now, index, request),
            Method::Message => self.on_message(now, index, request),
            _ => self.respond(now, index, (200, "OK"), None, |builder| builder),
        }
    }

    fn server_of(&self, branch: &str, method: Method) -> Option<usize> {
        self.servers.iter().rposition(|server| server.branch == branch && server.request.method() == method)
    }

    fn repeat(&mut self, index: usize) {
        let server = &self.servers[index];
        if server.stage != Stage::Accepted
            && let Some(last) = &server.last
        {
            self.out.send(server.source, last.clone());
        }
    }

    /// Sends a response and keeps it for copies of the request.
    pub(super) fn respond(
        &mut self,
        now: Instant,
        index: usize,
        (code, reason): (u16, &str),
        tag: Option<&str>,
        edit: impl FnOnce(Builder) -> Builder,
    ) {
        let server = &self.servers[index];
        let tag = tag.or(Some("no-leg")).filter(|_| code > 100);
        let builder = Builder::response(&server.request, code, reason, tag).source(server.source);
        self.dispatch(now, index, code, edit(builder).finish());
    }

    /// Sends a response as it is.
    pub(super) fn dispatch(&mut self, now: Instant, index: usize, code: u16, bytes: Bytes) {
        let next_at = self.repeat_at(now);
        let server = &mut self.servers[index];
        self.out.send(server.source, bytes.clone());
        server.last = Some(bytes);
        if code < 200 {
            return;
        }
        server.stage = match (server.request.method(), code) {
            (Method::Invite, ..300) => Stage::Accepted,
            (Method::Invite, _) => Stage::Completed,
            _ => Stage::Over,
        };
        if server.stage == Stage::Completed {
            server.next_at = next_at;
            server.ends_at = now + T1X64;
            self.out.arm(server.next_at, AgentTimer::Server(index));
        }
    }

    /// Timer G, until H.
    pub(super) fn on_server_timer(&mut self, now: Instant, index: usize) {
        let server = &mut self.servers[index];
        if server.stage != Stage::Completed || now < server.next_at {
            return;
        }
        if now >= server.ends_at {
            server.stage = Stage::Over;
            return;
        }
        server.interval = (2 * server.interval).min(T2);
        server.next_at = (now + server.interval).min(server.ends_at);
        let next_at = server.next_at;
        self.repeat(index);
        self.out.arm(next_at, AgentTimer::Server(index));
    }
}
