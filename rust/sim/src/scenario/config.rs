//! The configuration the phones of a scenario need.

use serde_json::{Value, json};

use super::plan::Scenario;

/// Domain of every user.
pub const DOMAIN: &str = "lab.test";

/// A configuration document with an account for every phone: digest, parallel forking, media as `media_mode` says.
pub fn default_config(scenario: &Scenario, media_mode: &str) -> Value {
    let mut names: Vec<_> = scenario.phones.iter().map(|phone| phone.user.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let users: Vec<_> = names.into_iter().map(account).collect();
    json!({
        "generation": 1,
        "identity": {
            "user_agent": "pbx", "callid_suffix": "", "contact_username": "pbx",
            "realms": [{"host": DOMAIN, "port": null}], "external_ips": [], "machine_ips": ["203.0.113.231"],
        },
        "t1_ms": 500, "t1x64_ms": 32000,
        "modules": ["acl", "auth", "registrar", "call"],
        "acl": [], "users": users, "routes": [],
        "registrar": {"expires_secs": 60, "max_expires_secs": 3600, "max_bindings": 16},
        "call": {
            "passthrough_failure": true, "max_ring_secs": 30, "parallel_fork": true, "ask_router": false,
            "decision_timeout_ms": 2000, "blind_transfer_use_refer": false,
            "session_timer": { "always": false, "expires_secs": 1800 },
        },
        "media": {
            "mode": media_mode, "rtp_start_port": 20000, "rtp_end_port": 29999, "bind_ips": ["203.0.113.231"],
            "audio_codecs": ["opus", "g722", "pcmu", "pcma"], "codec_strategy": "performance",
            "enable_latching": true, "latching_probation_max_packets": 6,
        },
        "nat_fix": true,
        "limits": {
            "max_message_size": 65535, "max_transactions": 100_000, "max_calls": 10_000, "max_bindings": 10_000,
            "max_queries": 1000,
        },
    })
}

fn account(user: &str) -> Value {
    json!({
        "username": user, "realm": null, "backend_realms": [], "secret": {"password": format!("secret-{user}")},
        "enabled": true, "aliases": [], "display_name": null,
    })
}
