//! The media of a call: whether it is anchored, which bodies the parties see, and what the worker is told.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::time::Instant;

use pbx_media::decide::{MediaDecision, MediaPath, MediaReason, PathFacts, decide};
use pbx_media::negotiate::{
    AudioCodec, CodecPolicy, LocalOrigin, MediaFacts, RemoteSource, anchor, answer_for_offerer,
    offer_for_answerer, rewrite_bypass,
};
use pbx_media::relay::{MediaCommand, SessionId};
use pbx_media::sdp::Sdp;
use pbx_sip::{Bytes, Message, Name};

use super::id::Side;
use super::media_sockets::Session;
use super::state::Call;
use crate::config::MediaMode;
use crate::core::Core;
use crate::output::Level;
use crate::refusal::Refusal;

/// Lines opened for an INVITE without SDP: audio and video, since nobody knows yet what is offered.
const LATE_OFFER_LINES: usize = 2;
/// What is known about the media of one call.
pub(super) struct CallMedia {
    decision: Option<MediaDecision>,
    codecs: Box<[AudioCodec]>,
    pub(super) session: Option<Session>,
    /// The offer that waits for its answer.
    offer: Option<Box<Offer>>,
    /// The offer each party was shown last.
    proposed: [Option<Bytes>; 2],
    /// The description each party was shown last in a complete exchange.
    shown: [Option<Bytes>; 2],
    /// What each party said last in a complete exchange, as a number.
    said: [u64; 2],
    /// The same of the offer that waits for its answer.
    offered: u64,
    /// Our `o=` lines when bodies are rewritten without being anchored.
    origins: [LocalOrigin; 2],
    pub(super) attempts: u8,
    /// The caller's signalling came through another proxy (§6 rule 3, tier 4).
    behind_proxy: bool,
}

/// An offer on its way.
struct Offer {
    /// As its author wrote it.
    written: Sdp,
    /// As the other party was shown it.
    shown: Sdp,
    /// Where its author's signalling comes from.
    source: IpAddr,
}

impl Call {
    /// Decides the path before anybody is rung. `false`: sockets are being opened first.
    pub(super) fn prepare_media(&mut self, core: &mut Core, now: Instant) -> Result<bool, Refusal> {
        let Some(invite) = &self.invite else { return Ok(true) };
        let policy = &self.policy.config.media;
        let mode = self.forced.or(self.plan.media).unwrap_or(policy.mode);
        let offer = match parse(invite.message.sdp()) {
            // Nobody here needs to understand what passes byte for byte.
            Err(_) if mode == MediaMode::None => None,
            parsed => parsed?,
        };
        let source = invite.flow.remote.ip();
        let decision = decide(media_mode(mode), self.facts(offer.as_ref(), source));
        let allowed = self.plan.codecs.as_deref().unwrap_or(&policy.audio_codecs);
        self.media.codecs = allowed.iter().filter_map(|name| AudioCodec::parse(name)).collect();
        self.media.decision = Some(decision);
        self.media.behind_proxy = is_behind_proxy(&invite.message);
        if decision.mismatch {
            core.log(Level::Warn, "media_mismatch", vec![("call_id", invite.message.call_id().to_owned())]);
        }
        if decision.path != MediaPath::Anchored {
            return Ok(true);
        }
        let lines = offer.map_or(LATE_OFFER_LINES, |offer| offer.media().len());
        let callee = self.plan.groups.front().and_then(|group| group.endpoints.first());
        let peers = [source, callee.map_or(source, |callee| callee.flow.remote.ip())];
        self.media.open(core, now, lines, peers)?;
        Ok(false)
    }

    /// Facts about both legs that can be known before the callee answers (§5).
    fn facts(&self, offer: Option<&Sdp>, source: IpAddr) -> PathFacts {
        let mut facts = PathFacts::default();
        if let Some(offer) = offer {
            MediaFacts::of(offer, source).add_to(&mut facts);
        }
        let endpoints = self.plan.groups.iter().flat_map(|group| &group.endpoints);
        facts.contact_nat |= self.caller.behind_nat || endpoints.clone().any(|endpoint| endpoint.nat);
        if facts.kinds.is_none() {
            let webrtc = offer.is_some_and(Sdp::is_webrtc);
            let family = source.to_canonical().is_ipv4();
            facts.kinds = endpoints.clone().find_map(|endpoint| kinds_differ(webrtc, family, &endpoint.flow));
        }
        facts
    }
}

impl CallMedia {
    /// Nothing decided yet. The seeds name our sessions in `o=` lines.
    pub(super) fn new(seeds: [u64; 2]) -> Self {
        Self {
            decision: None,
            codecs: Box::default(),
            session: None,
            offer: None,
            proposed: [None, None],
            shown: [None, None],
            said: [0, 0],
            offered: 0,
            origins: seeds.map(LocalOrigin::new),
            attempts: 0,
            behind_proxy: false,
        }
    }

    /// The session, while it is open.
    pub(super) fn session(&self) -> Option<SessionId> {
        self.session.as_ref().map(|session| session.id)
    }

    /// Why and that the call is anchored.
    pub(super) fn anchored(&self) -> Option<MediaDecision> {
        self.decision.filter(|decision| decision.path == MediaPath::Anchored)
    }

    /// Anchors a direct call before its next offer, which goes to a party that is anchored where it is now (§5: judged
    /// again on every offer). Without ports it stays direct.
    pub(super) fn anchor_as(
        &mut self,
        core: &mut Core,
        now: Instant,
        decision: MediaDecision,
        peers: [IpAddr; 2],
    ) -> bool {
        if self.path() != MediaPath::Direct {
            return false;
        }
        let is_open = self.open(core, now, LATE_OFFER_LINES, peers).is_ok();
        if is_open {
            self.decision = Some(decision);
        } else {
            core.counters.count("media_total", "open_failed");
        }
        is_open
    }

    /// Gives up anchoring.
    pub(super) fn stay_direct(&mut self, core: &mut Core, now: Instant) {
        self.close(core, now);
        self.decision = Some(MediaDecision { path: MediaPath::Direct, reason: None, mismatch: false });
    }

    /// `anchored`, `direct`, `bypass` or `none`.
    pub(super) fn path_name(&self) -> &'static str {
        self.decision.map_or("none", |decision| decision.path.as_str())
    }

    /// Why the call is anchored.
    pub(super) fn reason_name(&self) -> Option<&'static str> {
        self.decision.and_then(|decision| decision.reason).map(MediaReason::as_str)
    }

    fn path(&self) -> MediaPath {
        self.decision.map_or(MediaPath::None, |decision| decision.path)
    }

    /// The decision to anchor a direct call, if the callee's answer shows a private or translated address.
    pub(super) fn revealed(
        &self,
        mode: MediaMode,
        (answer, nat): (Option<&[u8]>, bool),
        peer: IpAddr,
    ) -> Option<MediaDecision> {
        if self.path() != MediaPath::Direct {
            return None;
        }
        let answer = Sdp::parse(answer?).ok()?;
        let shown = MediaFacts::of(&answer, peer);
        let facts =
            PathFacts { private_differs: shown.private_differs, contact_nat: nat, ..PathFacts::default() };
        Some(decide(media_mode(mode), facts)).filter(|decision| decision.path == MediaPath::Anchored)
    }

    /// Anchors a direct call when the callee's answer shows a private or translated address. `true`: it is
    /// anchored now and the callee must be told.
    pub(super) fn anchor_if_revealed(
        &mut self,
        core: &mut Core,
        now: Instant,
        mode: MediaMode,
        said: (Option<&[u8]>, bool),
        peers: [IpAddr; 2],
    ) -> Result<bool, Refusal> {
        let (Some(decision), Some(offer)) = (self.revealed(mode, said, peers[1]), &self.offer) else {
            return Ok(false);
        };
        let lines = offer.written.media().len();
        self.open(core, now, lines, peers)?;
        self.decision = Some(decision);
        Ok(true)
    }

    /// The caller's offer once more, with our address in it.
    pub(super) fn offer_again(&mut self, core: &Core) -> Option<Bytes> {
        let offer = self.offer.take()?;
        let shown = offer_for_answerer(&offer.written, &self.policy()).ok();
        let shown = shown.map(|mut shown| {
            self.put_address(core, Side::Callee, &mut shown, offer.source);
            shown
        });
        let bytes = shown.as_ref().map(Sdp::to_bytes);
        self.proposed[Side::Callee.index()].clone_from(&bytes);
        self.offer = shown.map(|shown| Box::new(Offer { shown, ..*offer }));
        bytes
    }

    /// Carries an offer of one party to the other.
    pub(super) fn pass_offer(
        &mut self,
        core: &mut Core,
        now: Instant,
        from: Side,
        sdp: &[u8],
        source: IpAddr,
    ) -> Result<Bytes, Refusal> {
        let offer = self.show_offer(core, now, from, sdp, source)?;
        self.proposed[from.other().index()] = Some(offer.clone());
        self.offered = essence(sdp);
        Ok(offer)
    }

    fn show_offer(
        &mut self,
        core: &mut Core,
        now: Instant,
        from: Side,
        sdp: &[u8],
        source: IpAddr,
    ) -> Result<Bytes, Refusal> {
        if self.path() == MediaPath::None {
            return Ok(Bytes::copy_from_slice(sdp));
        }
        let written = Sdp::parse(sdp).map_err(|_| Refusal::NoCodec)?;
        let mut shown = offer_for_answerer(&written, &self.policy()).map_err(|_| Refusal::NoCodec)?;
        self.extend_if_needed(core, now, written.media().len())?;
        self.put_address(core, from.other(), &mut shown, source);
        let bytes = shown.to_bytes();
        self.offer = Some(Box::new(Offer { written, shown, source }));
        Ok(bytes)
    }

    /// Carries an answer of one party to the author of the offer. The offer stays open, since a 183 may be
    /// followed by the answer of another fork.
    pub(super) fn pass_answer(
        &mut self,
        core: &mut Core,
        from: Side,
        sdp: &[u8],
        source: IpAddr,
    ) -> Result<Bytes, Refusal> {
        let answer = self.show_answer(core, from, sdp, source)?;
        self.shown[from.other().index()] = Some(answer.clone());
        self.shown[from.index()].clone_from(&self.proposed[from.index()]);
        self.said[from.other().index()] = self.offered;
        self.said[from.index()] = essence(sdp);
        Ok(answer)
    }

    fn show_answer(
        &mut self,
        core: &mut Core,
        from: Side,
        sdp: &[u8],
        source: IpAddr,
    ) -> Result<Bytes, Refusal> {
        if self.path() == MediaPath::None {
            return Ok(Bytes::copy_from_slice(sdp));
        }
        let written = Sdp::parse(sdp).map_err(|_| Refusal::NoCodec)?;
        let offer = self.offer.take().ok_or(Refusal::NoCodec)?;
        let shown = answer_for_offerer(&offer.written, &written, &self.policy());
        let shown = shown.map(|mut shown| {
            self.put_address(core, from.other(), &mut shown, source);
            self.describe(core, from.other(), (&offer.written, &shown), offer.source);
            self.describe(core, from, (&written, &offer.shown), source);
            shown.to_bytes()
        });
        self.offer = Some(offer);
        shown.map_err(|_| Refusal::NoCodec)
    }

    /// Whether a party says something else than in the session in force.
    pub(super) fn is_news(&self, side: Side, sdp: &[u8]) -> bool {
        self.said[side.index()] != essence(sdp)
    }

    /// What a party was shown of the session in force.
    pub(super) fn shown(&self, side: Side) -> Option<Bytes> {
        self.shown[side.index()].clone()
    }

    /// Another party takes a place: our address there becomes the one it can reach.
    pub(super) fn reseat(&mut self, core: &Core, side: Side, peer: IpAddr) {
        if let Some(session) = &mut self.session {
            session.legs[side.index()].address = core.media_address(peer);
        }
    }

    /// The exchange is complete; what it needed is let go.
    pub(super) fn settle(&mut self) {
        self.offer = None;
    }

    fn policy(&self) -> CodecPolicy<'_> {
        CodecPolicy { offerer: &self.codecs, answerer: &self.codecs, same_kind: true }
    }

    /// Puts into a description the address its reader is to use.
    fn put_address(&mut self, core: &Core, towards: Side, sdp: &mut Sdp, source: IpAddr) {
        if let Some(session) = &mut self.session {
            anchor(sdp, &mut session.legs[towards.index()]);
        } else if self.path() == MediaPath::Bypass {
            let address = core.media_address(source);
            rewrite_bypass(sdp, &mut self.origins[towards.index()], "-", address, source);
        }
    }

    /// Tells the worker where a party wants its media: by what it wrote and what it was given.
    fn describe(&self, core: &mut Core, side: Side, (theirs, ours): (&Sdp, &Sdp), source: IpAddr) {
        let Some(session) = &self.session else { return };
        let config = &core.policy.config.media;
        let remote = RemoteSource {
            signalling: source.to_canonical(),
            latching: config.enable_latching,
            probation: config.latching_probation_max_packets,
            behind_proxy: side == Side::Caller && self.behind_proxy,
        };
        for line in 0..session.legs[side.index()].ports.len() {
            if let Some(remote) = remote.remote(theirs, ours, line) {
                core.media(MediaCommand::Describe { session: session.id, side, line: line as u8, remote });
            }
        }
    }
}

/// A description as a number, its `o=` line aside: some peers count its version up without a change.
fn essence(sdp: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    sdp.split(|&octet| octet == b'\n')
        .filter(|line| !line.starts_with(b"o="))
        .for_each(|line| line.hash(&mut hasher));
    hasher.finish()
}

fn parse(sdp: Option<&[u8]>) -> Result<Option<Sdp>, Refusal> {
    sdp.map(Sdp::parse).transpose().map_err(|_| Refusal::NoCodec)
}

/// More than one Via, or a Record-Route: the signalling source says nothing about media (§6 tier 4).
fn is_behind_proxy(message: &Message) -> bool {
    message.header(Name::RecordRoute).is_some() || (message.is_request() && message.vias().count() > 1)
}

fn media_mode(mode: MediaMode) -> pbx_media::decide::MediaMode {
    use pbx_media::decide::MediaMode as Decided;
    match mode {
        MediaMode::Auto => Decided::Auto,
        MediaMode::All => Decided::All,
        MediaMode::None => Decided::None,
        MediaMode::Nat => Decided::Nat,
        MediaMode::Bypass => Decided::Bypass,
    }
}

fn kinds_differ(webrtc: bool, ipv4: bool, callee: &pbx_sip::Flow) -> Option<pbx_media::decide::KindsDiffer> {
    use pbx_media::decide::KindsDiffer;
    use pbx_sip::Transport;
    if webrtc != matches!(callee.transport, Transport::Ws | Transport::Wss) {
        return Some(KindsDiffer::Webrtc);
    }
    (ipv4 != callee.remote.ip().to_canonical().is_ipv4()).then_some(KindsDiffer::Family)
}
