//! What the resolver counts. Counters only grow.

/// One field for each thing that is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DnsCounters {
    /// Queries sent, attempts counted one by one.
    pub queries_total: u64,
    /// Questions answered by a server, also with nothing.
    pub answers_total: u64,
    /// Questions without a usable answer.
    pub failures_total: u64,
    /// Lookups served from memory.
    pub hits_total: u64,
    /// Questions not asked because too many were open.
    pub refused_total: u64,
    /// Datagrams that were no reply to the query they came for, or unreadable.
    pub ignored_total: u64,
    /// Replies cut off by the server.
    pub truncated_total: u64,
    /// Questions asked again over a stream.
    pub streams_total: u64,
    /// Questions not asked again over a stream because too many were open.
    pub streams_refused_total: u64,
    /// Records beyond those that are used.
    pub surplus_total: u64,
    /// Addresses nobody may be called at by a public name.
    pub bogus_total: u64,
    /// Answers forgotten before their time because memory was full.
    pub evicted_total: u64,
}

impl DnsCounters {
    /// Names and values in a fixed order.
    pub fn all(&self) -> [(&'static str, u64); 12] {
        [
            ("dns_queries_total", self.queries_total),
            ("dns_answers_total", self.answers_total),
            ("dns_failures_total", self.failures_total),
            ("dns_cache_hits_total", self.hits_total),
            ("dns_streams_total", self.streams_total),
            ("dns_dropped_total{streams}", self.streams_refused_total),
            ("dns_dropped_total{questions}", self.refused_total),
            ("dns_dropped_total{ignored}", self.ignored_total),
            ("dns_dropped_total{truncated}", self.truncated_total),
            ("dns_dropped_total{surplus}", self.surplus_total),
            ("dns_dropped_total{bogus}", self.bogus_total),
            ("dns_dropped_total{evicted}", self.evicted_total),
        ]
    }
}
