//! Configuration documents for tests.

use serde_json::{Value, json};

use crate::config::SwitchConfig;

/// A small document: realm `lab.test`, user 1001 with password `secret-1`, every module.
pub(crate) fn document() -> Value {
    json!({
        "generation": 1,
        "identity": {
            "user_agent": "pbx/test", "callid_suffix": "pbx.test", "contact_username": "pbx",
            "realms": [{"host": "lab.test", "port": null}],
            "external_ips": [], "machine_ips": ["192.0.2.10"],
        },
        "t1_ms": 500, "t1x64_ms": 32000,
        "modules": ["acl", "auth", "registrar", "call"],
        "acl": [],
        "users": [user("1001", "secret-1"), user("1002", "secret-2")],
        "routes": [],
        "registrar": {"expires_secs": 30, "max_expires_secs": 50, "max_bindings": 4},
        "call": {
            "passthrough_failure": true, "max_ring_secs": null, "parallel_fork": true, "ask_router": false,
            "decision_timeout_ms": 2000, "blind_transfer_use_refer": false,
            "session_timer": { "always": false, "expires_secs": 1800 },
        },
        "media": {
            "mode": "auto", "rtp_start_port": 12000, "rtp_end_port": 12099, "bind_ips": ["0.0.0.0"],
            "audio_codecs": ["pcmu", "pcma"], "codec_strategy": "performance", "enable_latching": true,
            "latching_probation_max_packets": 6,
        },
        "nat_fix": true,
        "limits": {
            "max_message_size": 65535, "max_transactions": 1000, "max_calls": 100, "max_bindings": 1000,
            "max_queries": 100,
        },
    })
}

/// A user with a password, valid in every realm.
pub(crate) fn user(name: &str, password: &str) -> Value {
    json!({
        "username": name, "realm": null, "backend_realms": [], "secret": {"password": password}, "enabled": true,
        "aliases": [], "display_name": null,
    })
}

/// The document after a change.
pub(crate) fn config(change: impl FnOnce(&mut Value)) -> SwitchConfig {
    let mut document = document();
    change(&mut document);
    SwitchConfig::from_json(&document.to_string()).unwrap()
}
