//! What other threads send to the signalling thread.

use std::sync::mpsc::SyncSender;

use pbx_switch::{CallView, Command, Decision, DialogView, Health, PolicyError, QueryId, RegistrationView};

use crate::config::Document;

/// One item of the inbox. A reply channel has room for its one answer, so answering never waits.
#[derive(Debug)]
pub(crate) enum Input {
    Decide(QueryId, Decision),
    Command(Command, SyncSender<bool>),
    Reload(Box<Document>, SyncSender<Result<(), PolicyError>>),
    Health(SyncSender<Health>),
    Calls { limit: usize, after: Option<u64>, reply: SyncSender<Vec<CallView>> },
    Dialogs { limit: usize, after: Option<u64>, reply: SyncSender<Vec<DialogView>> },
    Registrations { limit: usize, after: Option<String>, reply: SyncSender<Vec<RegistrationView>> },
}
