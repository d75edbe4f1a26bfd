/* The plain forwarder a media relay is measured against: epoll, recvfrom, sendto, nothing else.
 *
 * usage: forwarder MAP      MAP has one line per call: PORT_A PEER_A PORT_B PEER_B, all on 127.0.0.1
 *
 * What arrives at PORT_A leaves from PORT_B towards PEER_B, and the other way round. Prints "ready" and runs until killed. */
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

enum { BATCH = 256 };

struct end {
    int socket;
    struct sockaddr_in peer;
    struct end *other;
};

static struct sockaddr_in loopback(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static struct end *open_end(int port, int peer, int poll) {
    struct end *end = calloc(1, sizeof *end);
    struct sockaddr_in here = loopback(port);
    end->peer = loopback(peer);
    end->socket = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = end};
    if (bind(end->socket, (struct sockaddr *)&here, sizeof here) != 0 || epoll_ctl(poll, EPOLL_CTL_ADD, end->socket, &event) != 0) {
        fprintf(stderr, "port %d: %s\n", port, strerror(errno));
        exit(1);
    }
    return end;
}

static void forward(struct end *from) {
    unsigned char packet[2048];
    struct sockaddr_in source;
    for (;;) {
        socklen_t size = sizeof source;
        ssize_t length = recvfrom(from->socket, packet, sizeof packet, 0, (struct sockaddr *)&source, &size);
        if (length < 0) {
            if (errno == ECONNREFUSED) continue;
            return;
        }
        sendto(from->other->socket, packet, (size_t)length, 0, (struct sockaddr *)&from->other->peer, sizeof source);
    }
}

int main(int argc, char **argv) {
    FILE *map = argc == 2 ? fopen(argv[1], "r") : NULL;
    if (!map) return fprintf(stderr, "usage: forwarder MAP\n"), 2;
    struct rlimit files = {1 << 16, 1 << 16};
    setrlimit(RLIMIT_NOFILE, &files);
    int poll = epoll_create1(0), a, peer_a, b, peer_b;
    while (fscanf(map, "%d %d %d %d", &a, &peer_a, &b, &peer_b) == 4) {
        struct end *left = open_end(a, peer_a, poll), *right = open_end(b, peer_b, poll);
        left->other = right;
        right->other = left;
    }
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        struct epoll_event events[BATCH];
        int ready = epoll_wait(poll, events, BATCH, -1);
        for (int i = 0; i < ready; i++) forward(events[i].data.ptr);
    }
}
