//! What a registration costs: memory per binding and time per request. Prints one JSON object.
//!
//! `cargo run --release -p pbx-switch --example registrar_cost [BINDINGS]`; memory is read from
//! `/proc/self/statm`, so it counts the allocator's overhead too.

#![expect(clippy::print_stdout, reason = "the figures are the product")]
#![expect(clippy::disallowed_methods, reason = "a stopwatch needs a clock")]

use std::error::Error;
use std::hint::black_box;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use pbx_sip::digest::{Algorithm, Answer, Challenge, Ha1};
use pbx_sip::{Bytes, Flow, Limits, Message, Transport};
use pbx_switch::auth::{AuthVerdict, Authenticator, Scheme};
use pbx_switch::location::Location;
use pbx_switch::policy::Policy;
use pbx_switch::{Facing, Locals, Switch, SwitchConfig};
use serde_json::json;

const REALM: &str = "lab.test";
const ROUNDS: u32 = 100_000;

fn main() -> Result<(), Box<dyn Error>> {
    let bindings: u32 = std::env::args().nth(1).map_or(Ok(100_000), |count| count.parse())?;
    let now = Instant::now();
    // Without users: memory freed after reading a long document would hide what the bindings take.
    let policy = Policy::compile(SwitchConfig::from_json(&document(0).to_string())?)?;
    let (location, per_binding, register) = fill(now, &policy, bindings)?;
    // With the bindings still there, so that nothing fills what they leave.
    let flood = flood(now)?;
    let (served, at_rest) = serve(now, bindings)?;
    let refresh = refresh(now, &policy, location, bindings)?;
    let policy = Policy::compile(SwitchConfig::from_json(&document(bindings).to_string())?)?;
    let (challenge, judge) = authenticate(now, &policy, bindings)?;
    let (wrong, unknown) = probe(now, &policy)?;
    let figures = json!({
        "bindings": bindings,
        "bytes_per_binding": per_binding,
        "bytes_after_a_flood_of_strangers": flood,
        "bytes_per_registration_under_way": served,
        "bytes_per_registration_at_rest": at_rest,
        "register_new_ns": register,
        "register_refresh_ns": refresh,
        "challenge_ns": challenge,
        "judge_sha256_ns": judge,
        "judge_wrong_password_median_ns": wrong,
        "judge_unknown_user_median_ns": unknown,
    });
    println!("{figures}");
    Ok(())
}

fn document(users: u32) -> serde_json::Value {
    let user = |number: u32| {
        json!({
            "username": format!("{}", 100_000 + number), "realm": REALM, "backend_realms": [],
            "secret": {"password": format!("pw-{number}")}, "enabled": true, "aliases": [], "display_name": null,
        })
    };
    json!({
        "generation": 1,
        "identity": {
            "user_agent": "pbx", "callid_suffix": "", "contact_username": "pbx",
            "realms": [{"host": REALM, "port": null}], "external_ips": [], "machine_ips": [],
        },
        "t1_ms": 500, "t1x64_ms": 32000, "modules": ["acl", "auth", "registrar", "call"], "acl": [],
        "users": (0..users.min(10_000)).map(user).collect::<Vec<_>>(),
        "routes": [],
        "registrar": {"expires_secs": 3600, "max_expires_secs": 3600, "max_bindings": 16},
        "call": {
            "passthrough_failure": true, "max_ring_secs": null, "parallel_fork": true, "ask_router": false,
            "decision_timeout_ms": 2000, "blind_transfer_use_refer": false,
            "session_timer": { "always": false, "expires_secs": 1800 },
        },
        "media": {
            "mode": "auto", "rtp_start_port": 12000, "rtp_end_port": 12099, "bind_ips": [], "audio_codecs": ["pcmu"],
            "codec_strategy": "performance", "enable_latching": true, "latching_probation_max_packets": 6,
        },
        "nat_fix": true,
        "limits": {
            "max_message_size": 65535, "max_transactions": 1_000_000, "max_calls": 100, "max_bindings": 10_000_000,
            "max_queries": 100,
        },
    })
}

/// A REGISTER as a desk phone writes it.
fn register(user: u32, cseq: u32, authorization: &str) -> Result<Message, Box<dyn Error>> {
    let name = 100_000 + user;
    let host = format!("10.{}.{}.{}", user >> 16, user >> 8 & 255, user & 255);
    let text = format!(
        "REGISTER sip:{REALM} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:5060;branch=z9hG4bK{cseq:016x};rport\r\n\
         From: \"Desk {name}\" <sip:{name}@{REALM}>;tag=6f1d2c3b\r\nTo: \"Desk {name}\" <sip:{name}@{REALM}>\r\n\
         Call-ID: 3c26700d{user:08x}-7r3xj0kqw1p5@{host}\r\nCSeq: {cseq} REGISTER\r\nMax-Forwards: 70\r\n\
         Contact: <sip:{name}@{host}:5060;transport=udp;line=p9x2k4f7>;reg-id=1;\
         +sip.instance=\"<urn:uuid:58ff49c1-61e3-4b22-9a0c-{user:012x}>\";expires=3600\r\n\
         User-Agent: Desk-Phone-D785/10.1.152.12\r\nSupported: path, gruu\r\n{authorization}\
         Content-Length: 0\r\n\r\n"
    );
    Message::parse(Bytes::from(text), &Limits::default()).map_err(|error| error.fault.to_string().into())
}

fn flow(user: u32) -> Flow {
    let remote = ([10, (user >> 16) as u8, (user >> 8) as u8, user as u8], 5060).into();
    Flow { transport: Transport::Udp, socket: 0, remote }
}

fn fill(now: Instant, policy: &Policy, bindings: u32) -> Result<(Location, u64, u128), Box<dyn Error>> {
    let before = resident()?;
    let mut location = Location::new([3; 32]);
    let mut spent = Duration::ZERO;
    for user in 0..bindings {
        let message = register(user, 1, "")?;
        let started = Instant::now();
        black_box(location.handle_register(now, policy, flow(user), &message));
        spent += started.elapsed();
    }
    let per_binding = resident()?.saturating_sub(before) / u64::from(bindings.max(1));
    Ok((location, per_binding, spent.as_nanos() / u128::from(bindings.max(1))))
}

struct Anywhere;

impl Facing for Anywhere {
    fn facing(&self, remote: IpAddr) -> IpAddr {
        remote
    }
}

/// Phones that register within 20 s: what the whole switch holds for each of them then, and when their
/// transactions have ended. Challenges leave nothing, so none are made.
fn serve(now: Instant, bindings: u32) -> Result<(u64, u64), Box<dyn Error>> {
    let mut document = document(0);
    document["modules"] = json!(["acl", "registrar", "call"]);
    let config = SwitchConfig::from_json(&document.to_string())?;
    let locals = Locals { udp: vec!["10.255.255.254:5060".parse()?], ..Locals::default() };
    let mut switch = Switch::new(now, config, locals, Box::new(Anywhere), [7; 32])?;
    let before = resident()?;
    let each = Duration::from_secs(20) / bindings.max(1);
    for user in 0..bindings {
        switch.handle_bytes(now + user * each, flow(user), register(user, 1, "")?.bytes().clone());
        while switch.poll_output().is_some() {}
    }
    let served = resident()?.saturating_sub(before) / u64::from(bindings.max(1));
    if switch.health().registrations != bindings as usize {
        return Err("not all registered".into());
    }
    switch.handle_timeout(now + Duration::from_secs(60));
    let at_rest = resident()?.saturating_sub(before) / u64::from(bindings.max(1));
    Ok((served, at_rest))
}

/// What strangers leave behind who ask 5,000 times a second for a minute, half of them to call.
fn flood(now: Instant) -> Result<u64, Box<dyn Error>> {
    let config = SwitchConfig::from_json(&document(10).to_string())?;
    let locals = Locals { udp: vec!["10.255.255.254:5060".parse()?], ..Locals::default() };
    let mut switch = Switch::new(now, config, locals, Box::new(Anywhere), [7; 32])?;
    let before = resident()?;
    for round in 0..300_000 {
        let now = now + round * Duration::from_micros(200);
        let text = String::from_utf8(register(round, 1, "")?.bytes().to_vec())?;
        let text = if round % 2 == 0 { text.replace("REGISTER", "INVITE") } else { text };
        while switch.poll_timeout().is_some_and(|at| at <= now) {
            switch.handle_timeout(now);
        }
        switch.handle_bytes(now, flow(round), Bytes::from(text));
        while switch.poll_output().is_some() {}
    }
    Ok(resident()?.saturating_sub(before))
}

fn refresh(
    now: Instant,
    policy: &Policy,
    mut location: Location,
    bindings: u32,
) -> Result<u128, Box<dyn Error>> {
    let mut spent = Duration::ZERO;
    for round in 0..ROUNDS {
        let user = round.wrapping_mul(2_654_435_761) % bindings.max(1);
        let message = register(user, 2 + round, "")?;
        let started = Instant::now();
        black_box(location.handle_register(now, policy, flow(user), &message));
        spent += started.elapsed();
    }
    Ok(spent.as_nanos() / u128::from(ROUNDS))
}

/// One challenge and one judgement per round: the authentication work of one registration.
fn authenticate(now: Instant, policy: &Policy, bindings: u32) -> Result<(u128, u128), Box<dyn Error>> {
    let mut auth = Authenticator::new(now, [7; 32]);
    let (mut challenged, mut judged) = (Duration::ZERO, Duration::ZERO);
    for round in 0..ROUNDS {
        // 2,000 registrations a second, so that old nonces end as they do in service.
        let now = now + round * Duration::from_micros(500);
        let user = round % bindings.clamp(1, 10_000);
        let plain = register(user, 1, "")?;
        let started = Instant::now();
        let challenges = auth.challenges(now, policy, &plain, REALM, false);
        challenged += started.elapsed();
        let message = register(user, 2, &answer(&challenges[0], user)?)?;
        let started = Instant::now();
        let verdict = auth.judge(now, policy, &message, REALM, Scheme::Www);
        judged += started.elapsed();
        if !matches!(verdict, AuthVerdict::Accepted { .. }) {
            return Err(format!("{verdict:?}").into());
        }
    }
    Ok((challenged.as_nanos() / u128::from(ROUNDS), judged.as_nanos() / u128::from(ROUNDS)))
}

/// What a scanner can measure: a known user with a wrong password against one that does not exist (§10.7).
fn probe(now: Instant, policy: &Policy) -> Result<(u128, u128), Box<dyn Error>> {
    const UNKNOWN: u32 = 800_000;
    let mut auth = Authenticator::new(now, [7; 32]);
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        let user = if round % 2 == 0 { round % 100 } else { UNKNOWN + round % 100 };
        let challenges = auth.challenges(now, policy, &register(user, 1, "")?, REALM, false);
        let wrong = answer(&challenges[0], user)?.replace("cnonce=\"d", "cnonce=\"e");
        let message = register(user, 2, &wrong)?;
        let started = Instant::now();
        black_box(auth.judge(now, policy, &message, REALM, Scheme::Www));
        times[(round % 2) as usize].push(started.elapsed().as_nanos());
    }
    let [known, unknown] = times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    });
    Ok((known, unknown))
}

fn answer(challenge: &str, user: u32) -> Result<String, Box<dyn Error>> {
    let challenge = Challenge::parse(challenge.as_bytes()).map_err(|fault| fault.to_string())?;
    let name = (100_000 + user).to_string();
    let ha1 = Ha1::new(Algorithm::Sha256, &name, REALM, &format!("pw-{user}"));
    let answer = Answer {
        challenge: &challenge,
        user: &name,
        ha1: &ha1,
        method: "REGISTER",
        uri: &format!("sip:{REALM}"),
        nonce_count: 1,
        cnonce: "d3b07384d113edec",
    };
    Ok(format!("Authorization: {answer}\r\n"))
}

/// Resident octets of this process.
fn resident() -> Result<u64, Box<dyn Error>> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = statm.split(' ').nth(1).ok_or("statm has no second field")?.parse()?;
    Ok(pages * 4096)
}
