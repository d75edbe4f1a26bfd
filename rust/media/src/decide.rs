//! Whether a call's media is relayed: the `media_proxy` decision table, as a pure function.

/// `media_proxy` in effect for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaMode {
    /// Relay when addresses or kinds require it.
    Auto,
    /// Relay every call.
    All,
    /// Pass bodies byte for byte.
    None,
    /// Relay for NAT only.
    Nat,
    /// Rewrite descriptions, never relay for addresses.
    Bypass,
}

/// What is known about both legs when a call's media is decided; either side counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathFacts {
    /// F: a feature that needs the media.
    pub feature: Option<Feature>,
    /// N1: a description names a private address that is not where its signalling comes from.
    pub private_differs: bool,
    /// N2: a description names another address than its signalling comes from.
    pub source_differs: bool,
    /// N3: a peer is known to be behind NAT.
    pub contact_nat: bool,
    /// Whether one of the two addresses N2 compares is private.
    pub near_private: bool,
    /// K: how the legs differ.
    pub kinds: Option<KindsDiffer>,
    /// T: the codec strategy would offer what the caller did not.
    pub transcode: bool,
}

/// Features that need the media to pass through us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Feature {
    /// The call is recorded.
    Recording,
    /// The caller waits in a queue.
    Queue,
    /// The caller talks to a menu.
    Ivr,
    /// Sound is played, music on hold included.
    Play,
    /// DTMF is listened for.
    Dtmf,
    /// Several calls are mixed.
    Conference,
    /// Somebody listens in.
    Supervise,
}

/// In what the two legs differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KindsDiffer {
    /// One is WebRTC, the other plain.
    Webrtc,
    /// One is SRTP, the other RTP.
    Srtp,
    /// One is IPv4, the other IPv6.
    Family,
}

/// Where the media of a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaPath {
    /// Through our media worker; both legs get our address.
    Anchored,
    /// Between the peers; addresses pass, codecs are filtered.
    Direct,
    /// Between the peers, with descriptions rewritten.
    Bypass,
    /// Between the peers, bodies untouched.
    None,
}

/// Why a call is anchored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaReason {
    /// The mode says so.
    ModeAll,
    /// N1.
    SdpPrivate,
    /// N3.
    ContactNat,
    /// N2.
    SourceDiffers,
    /// K.
    Kinds(KindsDiffer),
    /// T.
    Transcode,
    /// F.
    Feature(Feature),
}

/// A row of the table, found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaDecision {
    /// Where the media goes.
    pub path: MediaPath,
    /// Why it is anchored; none on the other paths.
    pub reason: Option<MediaReason>,
    /// The legs differ in kind and nothing will bridge them: worth a `media_mismatch` warning.
    pub mismatch: bool,
}

/// Judges the rows of the table in order; the first that matches wins.
pub fn decide(mode: MediaMode, facts: PathFacts) -> MediaDecision {
    if let Some(reason) = anchor_reason(mode, facts) {
        return MediaDecision { path: MediaPath::Anchored, reason: Some(reason), mismatch: false };
    }
    let path = match mode {
        MediaMode::All | MediaMode::Auto | MediaMode::Nat => MediaPath::Direct,
        MediaMode::Bypass => MediaPath::Bypass,
        MediaMode::None => MediaPath::None,
    };
    let mismatch = matches!(mode, MediaMode::Bypass | MediaMode::None) && facts.kinds.is_some();
    MediaDecision { path, reason: None, mismatch }
}

fn anchor_reason(mode: MediaMode, facts: PathFacts) -> Option<MediaReason> {
    if let Some(feature) = facts.feature {
        return Some(MediaReason::Feature(feature));
    }
    match mode {
        MediaMode::All => Some(MediaReason::ModeAll),
        MediaMode::None | MediaMode::Bypass => None,
        MediaMode::Auto => auto_reason(facts),
        MediaMode::Nat => nat_reason(facts),
    }
}

fn auto_reason(facts: PathFacts) -> Option<MediaReason> {
    nat_facts(facts)
        .or_else(|| facts.source_differs.then_some(MediaReason::SourceDiffers))
        .or_else(|| facts.kinds.map(MediaReason::Kinds))
        .or_else(|| facts.transcode.then_some(MediaReason::Transcode))
}

fn nat_reason(facts: PathFacts) -> Option<MediaReason> {
    nat_facts(facts)
        .or_else(|| (facts.source_differs && facts.near_private).then_some(MediaReason::SourceDiffers))
}

fn nat_facts(facts: PathFacts) -> Option<MediaReason> {
    if facts.private_differs {
        return Some(MediaReason::SdpPrivate);
    }
    facts.contact_nat.then_some(MediaReason::ContactNat)
}

impl MediaPath {
    /// The name records use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anchored => "anchored",
            Self::Direct => "direct",
            Self::Bypass => "bypass",
            Self::None => "none",
        }
    }
}

impl MediaReason {
    /// The name records use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ModeAll => "mode_all",
            Self::SdpPrivate => "sdp_private",
            Self::ContactNat => "contact_nat",
            Self::SourceDiffers => "source_differs",
            Self::Kinds(KindsDiffer::Webrtc) => "webrtc",
            Self::Kinds(KindsDiffer::Srtp) => "srtp",
            Self::Kinds(KindsDiffer::Family) => "family",
            Self::Transcode => "transcode",
            Self::Feature(Feature::Recording) => "recording",
            Self::Feature(Feature::Queue) => "queue",
            Self::Feature(Feature::Ivr) => "ivr",
            Self::Feature(Feature::Play) => "play",
            Self::Feature(Feature::Dtmf) => "dtmf",
            Self::Feature(Feature::Conference) => "conference",
            Self::Feature(Feature::Supervise) => "supervise",
        }
    }
}
