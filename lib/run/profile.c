/* run/profile.c: a table of sites, and the time that was spent in each.
 *
 * A kernel is timed as a whole; in a group each fused op is timed tile by tile, on the thread that runs the tile. So the times of sites
 * add up to that of all threads. What is left of the time of a segment is the executor's own: planning, binding, waiting.
 *
 * SPDX-License-Identifier: MIT */
#include "run/profile.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "run/run.h"

#undef uthash_nonfatal_oom
#define uthash_nonfatal_oom(site) (added = false)

typedef struct site_key {
    const tg_op *op;
    const char  *file, *within;
    uint32_t     line, role;
} site_key;

struct tgi_site {
    site_key        key;
    _Atomic int64_t nanoseconds;
    int64_t         runs;
    UT_hash_handle  hh;
};

struct tgi_profile {
    tgi_site *sites;
    int64_t   segments, nanoseconds, planning;
};

/* ---- counting ---------------------------------------------------------------------------------------------------- */

int64_t tgi_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The tape's table, made when it is first needed; NULL when there is no memory. */
static tgi_profile *profile_of(tg_tape *tape) {
    if (!tape->profile && (tape->profile = tgi_memory_take(&tape->memory, sizeof *tape->profile)))
        *tape->profile = (tgi_profile){0};
    return tape->profile;
}

static tgi_site *new_site(tg_tape *tape, const site_key *key) {
    bool      added = true;
    tgi_site *site = tgi_memory_take(&tape->memory, sizeof *site);
    if (!site) return NULL;
    *site = (tgi_site){.nanoseconds = 0};
    memcpy(&site->key, key, sizeof *key);
    HASH_ADD(hh, tape->profile->sites, key, sizeof site->key, site);
    if (added) return site;
    tgi_memory_give(&tape->memory, site, sizeof *site);
    return NULL;
}

tgi_site *tgi_site_of(tg_tape *tape, const tgi_node *node) {
    if (!profile_of(tape)) return NULL;
    site_key key;
    memset(&key, 0, sizeof key); /* what is between the members counts, too */
    key.op = node->op;
    key.file = node->file;
    key.within = node->within;
    key.line = node->line;
    key.role = node->role;
    tgi_site *site;
    HASH_FIND(hh, tape->profile->sites, &key, sizeof key, site);
    if (!site) site = new_site(tape, &key);
    if (site) site->runs++;
    return site;
}

void tgi_add_time(tgi_site *site, int64_t nanoseconds) {
    atomic_fetch_add_explicit(&site->nanoseconds, nanoseconds, memory_order_relaxed);
}

void tgi_add_segment(tg_tape *tape, int64_t nanoseconds, int64_t planning) {
    tgi_profile *profile = profile_of(tape);
    if (!profile) return;
    profile->segments++;
    profile->nanoseconds += nanoseconds;
    profile->planning += planning;
}

void tgi_free_profile(tg_tape *tape) {
    tgi_profile *profile = tape->profile;
    tgi_site    *site, *next;
    if (!profile) return;
    HASH_ITER (hh, profile->sites, site, next) {
        HASH_DELETE(hh, profile->sites, site);
        tgi_memory_give(&tape->memory, site, sizeof *site);
    }
    tgi_memory_give(&tape->memory, profile, sizeof *profile);
    tape->profile = NULL;
}

tg_status(tg_set_profile)(tg_tape *tape, bool on) {
    if (tgi_check_outside(tape, "set_profile")) return tg_error_status(tape);
    if (on) tgi_free_profile(tape);
    tape->profiles = on;
    return tgi_done(tape, TG_OK);
}

/* ---- printing ---------------------------------------------------------------------------------------------------- */

static int by_time(const tgi_site *a, const tgi_site *b) {
    return (a->nanoseconds < b->nanoseconds) - (a->nanoseconds > b->nanoseconds);
}

static void put_milliseconds(FILE *out, const char *format, int64_t nanoseconds) {
    char text[32];
    tgi_formatted(text, sizeof text, "%.3f", (double)nanoseconds * 1e-6);
    fprintf(out, format, text);
}

static void put_site(FILE *out, const tgi_site *site, int64_t all) {
    char percent[32];
    tgi_formatted(percent, sizeof percent, "%.1f", all ? 100 * (double)site->nanoseconds / (double)all : 0);
    fprintf(out, "%6s%% ", percent);
    put_milliseconds(out, "%12s ", site->nanoseconds);
    fprintf(out, "%9" PRId64 "  %s", site->runs, site->key.op->name);
    if (site->key.role == TGI_BACKWARD) fputs(", in a gradient", out);
    if (site->key.role == TGI_UPDATE) fputs(", in an update", out);
    if (site->key.within) fprintf(out, " of %s", site->key.within);
    if (site->key.file) fprintf(out, "  %s:%" PRIu32, site->key.file, site->key.line);
    fputc('\n', out);
}

static int64_t time_of_all(const tgi_profile *profile) {
    int64_t all = 0;
    for (const tgi_site *site = profile->sites; site; site = site->hh.next)
        all += site->nanoseconds;
    return all;
}

void tgi_write_profile(tg_tape *tape, FILE *out) {
    tgi_profile *profile = tape->profile;
    if (!profile) {
        fputs("profile: nothing has run\n", out);
        return;
    }
    HASH_SORT(profile->sites, by_time);
    int64_t all = time_of_all(profile);
    fprintf(out, "profile: %" PRId64 " runs of a segment in ", profile->segments);
    put_milliseconds(out, "%s ms", profile->nanoseconds);
    put_milliseconds(out, ", of that %s ms for plans; ", profile->planning);
    put_milliseconds(out, "the threads' time in instructions, %s ms, by op and line:\n", all);
    fputs("  share           ms      runs  op\n", out);
    for (const tgi_site *site = profile->sites; site; site = site->hh.next)
        put_site(out, site, all);
}

tg_status(tg_print_profile)(tg_tape *tape, FILE *out) {
    if (tgi_check_outside(tape, "print_profile")) return tg_error_status(tape);
    if (!out) return tgi_fail(tape, TG_ERR_ARGUMENT, "print_profile", "the file is NULL");
    errno = 0;
    tgi_write_profile(tape, out);
    if (ferror(out))
        return tgi_fail(tape, TG_ERR_IO, "print_profile", "%s", errno ? strerror(errno) : "the file cannot be written");
    return tgi_done(tape, TG_OK);
}
