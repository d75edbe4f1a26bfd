/* RTP load: one socket per stream end, 50 packets of 172 octets a second each, and a sink for what comes back.
 *
 * usage: rtpgen MAP SECONDS      MAP has one line per socket: LOCAL_PORT REMOTE_PORT, all on 127.0.0.1
 *
 * The send time travels in the payload; arrival is the kernel's own stamp, so that the sink's queue adds nothing to the
 * latency shown. Prints one JSON object: packets sent and received, latency percentiles in microseconds, how late the
 * generator itself sent, and the share of one core it used: the proof of its head-room. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

enum { PACKET = 172, PERIOD_NS = 20000000, SLACK_NS = 200000, BUCKETS = 200000, BATCH = 256 };

struct stream {
    int socket;
    struct sockaddr_in remote;
    uint16_t sequence;
    uint32_t ssrc;
    uint64_t due;
};

static uint32_t latency[BUCKETS + 1], lateness[BUCKETS + 1];
static uint64_t sent, received, failed, foreign;

static uint64_t clock_ns(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void count(uint32_t *histogram, int64_t ns) {
    int64_t us = ns / 1000;
    if (us < 0) us = 0;
    histogram[us > BUCKETS ? BUCKETS : us]++;
}

static long percentile(const uint32_t *histogram, double share) {
    uint64_t total = 0, seen = 0;
    for (int i = 0; i <= BUCKETS; i++) total += histogram[i];
    for (int i = 0; i <= BUCKETS; i++) {
        seen += histogram[i];
        if (total && seen >= share * total) return i;
    }
    return 0;
}

static void transmit(struct stream *s) {
    unsigned char packet[PACKET] = {0x80, 0};
    uint16_t sequence = htons(s->sequence);
    uint32_t timestamp = htonl((uint32_t)s->sequence * 160u), ssrc = htonl(s->ssrc);
    memcpy(packet + 2, &sequence, 2);
    memcpy(packet + 4, &timestamp, 4);
    memcpy(packet + 8, &ssrc, 4);
    memcpy(packet + 12, "pbxb", 4);
    uint64_t now = clock_ns(CLOCK_REALTIME);
    memcpy(packet + 16, &now, 8);
    s->sequence++;
    if (sendto(s->socket, packet, PACKET, 0, (struct sockaddr *)&s->remote, sizeof s->remote) == PACKET) sent++;
    else failed++;
}

static void receive(int socket) {
    unsigned char packet[2048];
    char control[128];
    for (;;) {
        struct iovec piece = {packet, sizeof packet};
        struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        ssize_t length = recvmsg(socket, &message, MSG_DONTWAIT);
        if (length < 0) {
            if (errno == ECONNREFUSED) continue;
            return;
        }
        if (length != PACKET || memcmp(packet + 12, "pbxb", 4) != 0) {
            foreign++;
            continue;
        }
        received++;
        uint64_t stamp;
        memcpy(&stamp, packet + 16, 8);
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
            if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
                struct timespec arrived;
                memcpy(&arrived, CMSG_DATA(c), sizeof arrived);
                count(latency, (int64_t)((uint64_t)arrived.tv_sec * 1000000000u + (uint64_t)arrived.tv_nsec - stamp));
            }
    }
}

static int open_stream(struct stream *s, int local, int remote, int poll) {
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((uint16_t)local)};
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->remote = here;
    s->remote.sin_port = htons((uint16_t)remote);
    s->ssrc = 0x10000u + (uint32_t)local;
    s->socket = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    int on = 1, room = 1 << 20;
    setsockopt(s->socket, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    setsockopt(s->socket, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (bind(s->socket, (struct sockaddr *)&here, sizeof here) != 0) return -1;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = s->socket};
    return epoll_ctl(poll, EPOLL_CTL_ADD, s->socket, &event);
}

static void drain(int poll, int64_t wait_ns) {
    struct epoll_event events[BATCH];
    struct timespec wait = {wait_ns / 1000000000, wait_ns % 1000000000};
    int ready = epoll_pwait2(poll, events, BATCH, &wait, NULL);
    for (int i = 0; i < ready; i++) receive(events[i].data.fd);
}

int main(int argc, char **argv) {
    if (argc != 3) return fprintf(stderr, "usage: rtpgen MAP SECONDS\n"), 2;
    FILE *map = fopen(argv[1], "r");
    if (!map) return perror(argv[1]), 1;
    struct rlimit files = {1 << 16, 1 << 16};
    setrlimit(RLIMIT_NOFILE, &files);
    int poll = epoll_create1(0), local, remote, n = 0, room = 1024;
    struct stream *streams = malloc(sizeof *streams * (size_t)room);
    while (fscanf(map, "%d %d", &local, &remote) == 2) {
        if (n == room) streams = realloc(streams, sizeof *streams * (size_t)(room *= 2));
        memset(&streams[n], 0, sizeof *streams);
        if (open_stream(&streams[n++], local, remote, poll) != 0) return fprintf(stderr, "port %d: %s\n", local, strerror(errno)), 1;
    }
    if (n == 0) return fprintf(stderr, "no streams\n"), 1;
    uint64_t start = clock_ns(CLOCK_MONOTONIC), end = start + (uint64_t)(atof(argv[2]) * 1e9), now = start;
    for (int i = 0; i < n; i++) streams[i].due = start + (uint64_t)PERIOD_NS * (uint64_t)i / (uint64_t)n;
    int next = 0;
    while (now < end) {
        while (streams[next].due <= now) {
            transmit(&streams[next]);
            count(lateness, (int64_t)(clock_ns(CLOCK_MONOTONIC) - streams[next].due));
            streams[next].due += PERIOD_NS;
            next = (next + 1) % n;
        }
        now = clock_ns(CLOCK_MONOTONIC);
        int64_t wait = (int64_t)(streams[next].due - now);
        drain(poll, wait < SLACK_NS ? SLACK_NS : wait);
        now = clock_ns(CLOCK_MONOTONIC);
    }
    double took = (double)(now - start) / 1e9;
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    for (uint64_t until = now + 300000000u; now < until; now = clock_ns(CLOCK_MONOTONIC)) drain(poll, 10000000);
    printf("{\"streams\": %d, \"seconds\": %.3f, \"sent\": %lu, \"received\": %lu, \"send_failed\": %lu, \"foreign\": %lu, "
           "\"latency_p50_us\": %ld, \"latency_p99_us\": %ld, \"latency_max_us\": %ld, \"late_p50_us\": %ld, \"late_p99_us\": %ld, "
           "\"generator_core_share\": %.3f}\n",
           n, took, sent, received, failed, foreign, percentile(latency, 0.5), percentile(latency, 0.99), percentile(latency, 1.0),
           percentile(lateness, 0.5), percentile(lateness, 0.99), cpu / took);
    return 0;
}
