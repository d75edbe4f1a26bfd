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

#[cfg(test)]
mod tests {
    use super::*;

    const MODES: [MediaMode; 5] =
        [MediaMode::All, MediaMode::Auto, MediaMode::Nat, MediaMode::Bypass, MediaMode::None];

    fn facts(change: impl FnOnce(&mut PathFacts)) -> PathFacts {
        let mut facts = PathFacts::default();
        change(&mut facts);
        facts
    }

    /// Paths in the order of `MODES`, and the reason of the anchored cells.
    fn row(facts: PathFacts) -> (String, Vec<&'static str>) {
        let decisions = MODES.map(|mode| decide(mode, facts));
        let paths = decisions.map(|decision| decision.path.as_str()).join(" ");
        (paths, decisions.iter().filter_map(|decision| decision.reason).map(MediaReason::as_str).collect())
    }

    fn expect(facts: PathFacts, paths: &str, reasons: &[&str]) {
        assert_eq!(row(facts), (paths.to_owned(), reasons.to_vec()), "{facts:?}");
    }

    #[test]
    fn features_anchor_in_every_mode_before_anything_else() {
        let features = [
            (Feature::Recording, "recording"),
            (Feature::Queue, "queue"),
            (Feature::Ivr, "ivr"),
            (Feature::Play, "play"),
            (Feature::Dtmf, "dtmf"),
            (Feature::Conference, "conference"),
            (Feature::Supervise, "supervise"),
        ];
        for (feature, name) in features {
            let known = facts(|facts| {
                facts.feature = Some(feature);
                facts.private_differs = true;
                facts.kinds = Some(KindsDiffer::Webrtc);
            });
            expect(known, "anchored anchored anchored anchored anchored", &[name; 5]);
        }
    }

    #[test]
    fn private_addresses_and_nat_anchor_in_auto_and_nat() {
        let n1 = facts(|facts| {
            (facts.private_differs, facts.source_differs, facts.contact_nat) = (true, true, true);
        });
        expect(n1, "anchored anchored anchored bypass none", &["mode_all", "sdp_private", "sdp_private"]);
        let n3 = facts(|facts| (facts.contact_nat, facts.source_differs) = (true, true));
        expect(n3, "anchored anchored anchored bypass none", &["mode_all", "contact_nat", "contact_nat"]);
    }

    #[test]
    fn another_source_anchors_in_nat_mode_only_near_private_addresses() {
        let far = facts(|facts| facts.source_differs = true);
        expect(far, "anchored anchored direct bypass none", &["mode_all", "source_differs"]);
        let near = facts(|facts| (facts.source_differs, facts.near_private) = (true, true));
        expect(
            near,
            "anchored anchored anchored bypass none",
            &["mode_all", "source_differs", "source_differs"],
        );
    }

    #[test]
    fn differing_kinds_anchor_in_auto_and_are_warned_of_where_nothing_bridges_them() {
        let kinds =
            [(KindsDiffer::Webrtc, "webrtc"), (KindsDiffer::Srtp, "srtp"), (KindsDiffer::Family, "family")];
        for (kind, name) in kinds {
            let known = facts(|facts| facts.kinds = Some(kind));
            expect(known, "anchored anchored direct bypass none", &["mode_all", name]);
            let warned = MODES.map(|mode| decide(mode, known).mismatch);
            assert_eq!(warned, [false, false, false, true, true]);
        }
    }

    #[test]
    fn transcoding_anchors_in_auto_only() {
        let known = facts(|facts| facts.transcode = true);
        expect(known, "anchored anchored direct bypass none", &["mode_all", "transcode"]);
    }

    #[test]
    fn plain_calls_go_direct_unless_the_mode_says_otherwise() {
        expect(PathFacts::default(), "anchored direct direct bypass none", &["mode_all"]);
    }
}
