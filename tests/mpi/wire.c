/* tests/mpi/wire.c: a network with a delay and a rate: wire MICROSECONDS MEGABITS NAMESPACE...
 *
 * In each network namespace there is a TAP device `tap`, whose address ends in the number of the namespace in this list, from 0 on. What is
 * sent on one of them leaves it at the rate, one frame after the other, and comes to where it was sent after the delay. So each rank has a
 * link of its own to a switch that is never busy. Kernels that have netem can do it too; this one needs TAP devices alone.
 *
 * When all is ready it prints its process number, and goes on in the background until it is killed.
 *
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>

enum { MOST = 16, FRAME = 65536 };

/* What is under way from one device, in order. */
typedef struct frame {
    struct frame *next;
    double        due;
    size_t        length;
    unsigned char bytes[];
} frame;

typedef struct port {
    int    device;
    double idle_from; /* when all that was sent has left it */
    frame *first, **last;
} port;

typedef struct wire {
    double delay, rate; /* seconds, bytes a second */
    int    count;
    port   ports[MOST];
} wire;

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- the devices --------------------------------------------------------------------------------------------------- */

static bool enter(const char *name) {
    char path[200];
    snprintf(path, sizeof path, "/var/run/netns/%s", name);
    int  file = open(path, O_RDONLY);
    bool entered = file >= 0 && setns(file, CLONE_NEWNET) == 0;
    if (file >= 0) close(file);
    return entered;
}

static bool open_port(port *p, const char *name) {
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    memcpy(request.ifr_name, "tap", 4);
    *p = (port){.device = enter(name) ? open("/dev/net/tun", O_RDWR | O_NONBLOCK) : -1};
    p->last = &p->first;
    return p->device >= 0 && ioctl(p->device, TUNSETIFF, &request) == 0;
}

/* ---- frames -------------------------------------------------------------------------------------------------------- */

static void take(const wire *w, port *p) {
    static unsigned char bytes[FRAME];
    ssize_t              length;
    while ((length = read(p->device, bytes, sizeof bytes)) > 0) {
        frame *f = malloc(sizeof *f + (size_t)length);
        double now = seconds();
        if (!f) continue;
        p->idle_from = (p->idle_from > now ? p->idle_from : now) + (double)length / w->rate;
        *f = (frame){.due = p->idle_from + w->delay, .length = (size_t)length};
        memcpy(f->bytes, bytes, (size_t)length);
        *p->last = f;
        p->last = &f->next;
    }
}

/* To the port that the address says; to all others where it is that of a group. A full device loses it, as networks do. */
static void hand_on(const wire *w, const port *from, const frame *f) {
    for (int i = 0; i < w->count; i++)
        if (&w->ports[i] != from && ((f->bytes[0] & 1) || f->bytes[5] == i))
            if (write(w->ports[i].device, f->bytes, f->length) < 0) continue;
}

static void deliver(const wire *w, port *p) {
    while (p->first && p->first->due <= seconds()) {
        frame *f = p->first;
        hand_on(w, p, f);
        p->first = f->next;
        if (!f->next) p->last = &p->first;
        free(f);
    }
}

static void run(wire *w) {
    struct pollfd   polled[MOST];
    struct timespec wait;
    for (;;) {
        double next = 1;
        for (int i = 0; i < w->count; i++) {
            port *p = &w->ports[i];
            take(w, p);
            deliver(w, p);
            polled[i] = (struct pollfd){.fd = p->device, .events = POLLIN};
            double left = p->first ? p->first->due - seconds() : 1;
            if (left < next) next = left > 0 ? left : 0;
        }
        wait = (struct timespec){.tv_sec = (time_t)next, .tv_nsec = (long)((next - (double)(time_t)next) * 1e9)};
        ppoll(polled, (nfds_t)w->count, &wait, NULL);
    }
}

/* ---- the program --------------------------------------------------------------------------------------------------- */

/* It sleeps nearly always, and has to be there when a frame is due. */
static void be_punctual(void) {
    sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1});
    prctl(PR_SET_TIMERSLACK, 1);
}

int main(int argc, char **argv) {
    static wire w;
    if (argc < 4 || argc - 3 > MOST || atof(argv[2]) <= 0)
        return fputs("usage: wire MICROSECONDS MEGABITS NAMESPACE...\n", stderr), 2;
    w = (wire){.delay = atof(argv[1]) * 1e-6, .rate = atof(argv[2]) * 1e6 / 8, .count = argc - 3};
    for (int i = 0; i < w.count; i++)
        if (!open_port(&w.ports[i], argv[3 + i])) return perror(argv[3 + i]), 2;
    pid_t child = fork();
    if (child > 0) printf("%ld\n", (long)child);
    if (child != 0) return child < 0;
    int nowhere = open("/dev/null", O_RDWR);
    for (int i = 0; i < 3; i++)
        dup2(nowhere, i);
    be_punctual();
    run(&w);
}

#else
int main(void) {
    return fputs("wire: needs Linux\n", stderr), 2;
}
#endif
