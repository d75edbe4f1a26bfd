//! Properties of session descriptions.

use pbx_media::sdp::Sdp;

/// What is accepted and written is accepted again, and written the same.
pub fn sdp(data: &[u8]) {
    let Ok(read) = Sdp::parse(data) else { return };
    let once = read.to_string();
    let Ok(again) = Sdp::parse(once.as_bytes()) else { panic!("what we write is refused") };
    assert_eq!(again.to_string(), once);
}
