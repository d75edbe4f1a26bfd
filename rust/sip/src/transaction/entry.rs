//! One slot of the transaction table.

use std::time::Instant;

use bytes::Bytes;

use super::client_invite::ClientInvite;
use super::client_non_invite::ClientNonInvite;
use super::id::TransactionId;
use super::key::ServerKey;
use super::server_invite::ServerInvite;
use super::server_non_invite::ServerNonInvite;
use super::settings::Timing;
use super::step::Step;
use crate::Method;
use crate::transport::Flow;

pub(super) struct Entry {
    pub(super) id: TransactionId,
    pub(super) flow: Flow,
    pub(super) timing: Timing,
    /// Whether the user wants to hear of it.
    pub(super) is_watched: bool,
    /// Neighbours among the transactions of the same flow; the first one has itself as `previous`.
    pub(super) previous: u32,
    pub(super) next: u32,
    /// Deadline of the one entry in the timer queue, which may be earlier than the machine's.
    pub(super) armed_at: Option<Instant>,
    /// What may have to be sent again: the last response, the request, or the ACK to its failure.
    pub(super) bytes: Bytes,
    pub(super) role: Role,
}

pub(super) enum Role {
    Opened { token: u64 },
    Client(Client),
    Server { key: ServerKey, machine: ServerMachine },
}

pub(super) struct Client {
    pub(super) token: u64,
    /// Of Call-ID, From tag and CSeq number.
    pub(super) fingerprint: u64,
    pub(super) method: Method,
    /// A CANCEL of the layer's own, found by the token of its INVITE.
    pub(super) is_cancel: bool,
    /// Reason of the CANCEL that may have to wait.
    pub(super) reason: Option<&'static str>,
    pub(super) machine: ClientMachine,
}

pub(super) enum ClientMachine {
    Invite(ClientInvite),
    NonInvite(ClientNonInvite),
}

pub(super) enum ServerMachine {
    Invite(ServerInvite),
    NonInvite(ServerNonInvite),
}

impl Entry {
    pub(super) fn next_at(&self) -> Option<Instant> {
        match &self.role {
            Role::Opened { .. } => None,
            Role::Client(client) => match &client.machine {
                ClientMachine::Invite(machine) => machine.next_at(),
                ClientMachine::NonInvite(machine) => machine.next_at(),
            },
            Role::Server { machine: ServerMachine::Invite(machine), .. } => machine.next_at(),
            Role::Server { machine: ServerMachine::NonInvite(machine), .. } => machine.next_at(),
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Step {
        match &mut self.role {
            Role::Opened { .. } => Step::NONE,
            Role::Client(client) => match &mut client.machine {
                ClientMachine::Invite(machine) => machine.handle_timeout(now),
                ClientMachine::NonInvite(machine) => machine.handle_timeout(now),
            },
            Role::Server { machine: ServerMachine::Invite(machine), .. } => machine.handle_timeout(now),
            Role::Server { machine: ServerMachine::NonInvite(machine), .. } => machine.handle_timeout(now),
        }
    }

    pub(super) fn handle_transport_error(&self) -> Step {
        match &self.role {
            // Its request will be told where it stands when it is sent.
            Role::Opened { .. } => Step::NONE,
            Role::Client(client) => match &client.machine {
                ClientMachine::Invite(machine) => machine.handle_transport_error(),
                ClientMachine::NonInvite(machine) => machine.handle_transport_error(),
            },
            Role::Server { machine: ServerMachine::Invite(machine), .. } => machine.handle_transport_error(),
            Role::Server { machine: ServerMachine::NonInvite(machine), .. } => {
                machine.handle_transport_error()
            }
        }
    }

    /// Whether it is a server transaction that still owes a final response.
    pub(super) fn is_unanswered(&self) -> bool {
        match &self.role {
            Role::Opened { .. } | Role::Client(_) => false,
            Role::Server { machine, .. } => !machine.is_answered(),
        }
    }
}

impl ClientMachine {
    pub(super) fn start(now: Instant, method: Method, timing: Timing) -> Self {
        if method == Method::Invite {
            Self::Invite(ClientInvite::start(now, timing))
        } else {
            Self::NonInvite(ClientNonInvite::start(now, timing))
        }
    }

    pub(super) fn handle_response(&mut self, now: Instant, code: u16) -> Step {
        match self {
            Self::Invite(machine) => machine.handle_response(now, code),
            Self::NonInvite(machine) => machine.handle_response(now, code),
        }
    }
}

impl ServerMachine {
    pub(super) fn new(method: Method, timing: Timing) -> Self {
        if method == Method::Invite {
            Self::Invite(ServerInvite::new(timing))
        } else {
            Self::NonInvite(ServerNonInvite::new(timing))
        }
    }

    pub(super) fn is_answered(&self) -> bool {
        match self {
            Self::Invite(machine) => machine.is_answered(),
            Self::NonInvite(machine) => machine.is_answered(),
        }
    }

    pub(super) fn handle_response(&mut self, now: Instant, code: u16) -> Option<Step> {
        match self {
            Self::Invite(machine) => machine.handle_response(now, code),
            Self::NonInvite(machine) => machine.handle_response(now, code),
        }
    }

    pub(super) fn handle_copy(&self) -> Step {
        match self {
            Self::Invite(machine) => machine.handle_copy(),
            Self::NonInvite(machine) => machine.handle_copy(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Entry;

    /// At 1,000 calls/s a hundred thousand of them rest in the table.
    #[test]
    fn a_resting_transaction_is_small() {
        assert!(size_of::<Entry>() <= 224, "{}", size_of::<Entry>());
    }
}
