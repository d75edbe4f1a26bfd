//! Calls through the real switch on a desk: packets in, packets out, time by hand.
#![allow(clippy::unwrap_used, reason = "a test that finds nothing to look at has failed")]

mod answers;
mod cancel;
mod crossing;
mod decision;
mod desk;
mod early;
mod first_call;
mod fork;
mod identity;
mod info;
mod judgement;
mod loops;
mod media;
mod multipart;
mod names;
mod nat;
mod noise;
mod outbound;
mod page;
mod reinvite;
mod reliable;
mod session_expiry;
mod session_timer;
mod tel;
mod transfer;
mod verdict;
