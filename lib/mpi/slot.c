/* mpi/slot.c: communications from their begin to their end.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mpi/comm.h"

double tgi_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

MPI_Datatype tgi_datatype(tg_dtype dtype) {
    return dtype == TG_F32 ? MPI_FLOAT : dtype == TG_F64 ? MPI_DOUBLE : MPI_INT64_T;
}

/* FNV-1a with a step of 64 bits (G. Fowler, L. Noll, K.-P. Vo), whose upper half is stirred in at the end. */
uint64_t tgi_hash(uint64_t hash, const void *bytes, size_t count) {
    const unsigned char *byte = bytes;
    const uint64_t       prime = 0x100000001b3;
    hash ^= 0xcbf29ce484222325;
    for (; count >= 8; count -= 8, byte += 8) {
        uint64_t word;
        memcpy(&word, byte, 8);
        hash = (hash ^ word) * prime;
        hash ^= hash >> 29;
    }
    while (count-- > 0)
        hash = (hash ^ *byte++) * prime;
    return hash ^ hash >> 32;
}

/* ---- slots ----------------------------------------------------------------------------------------------------------- */

static bool make_room(void **memory, size_t *room, size_t bytes) {
    if (*room >= bytes && *memory) return true;
    void *grown = malloc(bytes ? bytes : 1);
    if (!grown) return false;
    free(*memory);
    *memory = grown;
    *room = bytes;
    return true;
}

static void free_slot(tgi_slot *s) {
    free(s->send);
    free(s->recv);
    free(s->counts);
    free(s);
}

/* The driver's thread goes through the list at any time. */
static bool list_slot(tg_mpi *m, tgi_slot *s) {
    tgi_lock_hold(&m->lock);
    tgi_slot **grown = realloc(m->slots, ((size_t)m->slot_count + 1) * sizeof *grown);
    if (grown) {
        m->slots = grown;
        m->slots[m->slot_count++] = s;
    }
    tgi_lock_leave(&m->lock);
    return grown;
}

static tgi_slot *new_slot(tg_mpi *m) {
    tgi_slot *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->request = s->ticket = MPI_REQUEST_NULL;
    s->counts = malloc(4 * (size_t)m->size * sizeof *s->counts);
    if (s->counts && list_slot(m, s)) return s;
    free_slot(s);
    return NULL;
}

/* The smallest that is large enough, or else the largest. */
static tgi_slot *best_slot(const tg_mpi *m, size_t send, size_t recv) {
    tgi_slot *best = NULL;
    for (int i = 0; i < m->slot_count; i++) {
        tgi_slot *s = m->slots[i];
        if (s->used) continue;
        bool fits = s->send_room >= send && s->recv_room >= recv;
        bool best_fits = best && best->send_room >= send && best->recv_room >= recv;
        bool smaller = best && s->send_room + s->recv_room < best->send_room + best->recv_room;
        if (!best || (fits && (!best_fits || smaller)) || (!fits && !best_fits && !smaller)) best = s;
    }
    return best;
}

tgi_slot *tgi_take_slot(tg_mpi *m, size_t send, size_t recv) {
    tgi_slot *s = best_slot(m, send, recv);
    if (!s) s = new_slot(m);
    if (!s || !make_room(&s->send, &s->send_room, send) || !make_room(&s->recv, &s->recv_room, recv)) return NULL;
    s->used = true;
    s->begin = s->then = NULL;
    s->op = MPI_SUM;
    s->n = s->root = s->error = 0;
    s->shards = 1;
    s->bytes = s->least_bytes = 0;
    s->compared = false;
    s->place[0] = 0;
    return s;
}

void tgi_give_slot(tgi_slot *s) {
    s->used = false;
}

/* What MPI may still be at work in is left to it. */
void tgi_free_slots(tg_mpi *m) {
    for (int i = 0; i < m->slot_count; i++) {
        tgi_slot *s = m->slots[i];
        if (s->request == MPI_REQUEST_NULL && s->ticket == MPI_REQUEST_NULL) free_slot(s);
    }
    free(m->slots);
    free(m->known);
}

/* ---- waiting --------------------------------------------------------------------------------------------------------- */

/* For a moment it asks without a pause, then it lets others have the processor, and at last it sleeps. */
static void pause_after(double waited) {
    if (waited < 20e-6) return;
    tgi_pause(waited < 2e-3 ? 1e-6 : waited < 1 ? 50e-6 : 1e-3);
}

static double patience(const tg_mpi *m) {
    return m->options.timeout > 0 ? m->options.timeout : 1800;
}

static tg_status await(tg_mpi *m, MPI_Request *request, const char *what, int *error) {
    double begun = tgi_seconds();
    for (;;) {
        int done = 0;
        tgi_lock_hold(&m->lock);
        m->waiting = what;
        *error = m->failed ? MPI_SUCCESS : MPI_Test(request, &done, MPI_STATUS_IGNORE);
        if (!done) tgi_listen(m);
        m->waiting = NULL;
        tgi_lock_leave(&m->lock);
        if (*error) return TG_ERR_IO;
        if (m->failed || done) return m->failed;
        double waited = tgi_seconds() - begun;
        if (m->options.timeout >= 0 && waited > patience(m)) return tgi_give_up(m, what);
        pause_after(waited);
    }
}

tg_status tgi_wait(tg_mpi *m, MPI_Request *request, const char *what) {
    int error = MPI_SUCCESS;
    return await(m, request, what, &error) && error ? tgi_break_mpi(m, error) : m->failed;
}

/* ---- tickets --------------------------------------------------------------------------------------------------------- */

/* Whether the communication with that hash, recorded there, was compared before; from now on it was. Without memory it never was. */
static bool is_known(tg_mpi *m, uint64_t hash, const void *origin) {
    if (!origin) return false;
    uint64_t key = tgi_hash(hash, &origin, sizeof origin) | 1;
    if (2 * m->known_count >= m->known_room) {
        size_t    room = m->known_room ? 2 * m->known_room : 64;
        uint64_t *table = room > (1 << 20) ? NULL : calloc(room, sizeof *table);
        if (!table) return false;
        for (size_t i = 0; i < m->known_room; i++) {
            size_t at = m->known[i] >> 1 & (room - 1);
            while (m->known[i] && table[at])
                at = (at + 1) & (room - 1);
            if (m->known[i]) table[at] = m->known[i];
        }
        free(m->known);
        m->known = table;
        m->known_room = room;
    }
    size_t at = key >> 1 & (m->known_room - 1);
    for (; m->known[at]; at = (at + 1) & (m->known_room - 1))
        if (m->known[at] == key) return true;
    m->known[at] = key;
    m->known_count++;
    return false;
}

static tg_status begin_ticket(tg_mpi *m, tgi_slot *s, uint64_t hash) {
    s->number = ++m->number;
    s->mine[0] = tgi_hash(hash, &s->number, sizeof s->number);
    s->mine[1] = ~s->mine[0];
    s->compared = false;
    tgi_lock_hold(&m->lock);
    int error = MPI_Iallreduce(s->mine, s->all, 2, MPI_UINT64_T, MPI_MAX, m->control, &s->ticket);
    tgi_lock_leave(&m->lock);
    return error ? tgi_break_mpi(m, error) : TG_OK;
}

static tg_status compare(tg_mpi *m, tgi_slot *s, tg_status differs) {
    if (s->compared) return TG_OK;
    if (tgi_wait(m, &s->ticket, s->place)) return m->failed;
    s->compared = true;
    return s->all[0] == s->mine[0] && s->all[1] == s->mine[1] ? TG_OK : tgi_say_where(m, s, differs);
}

/* ---- begin and end --------------------------------------------------------------------------------------------------- */

static void describe(tgi_slot *s, const char *what, tg_dtype dtype, tg_shape shape) {
    char text[TG_SHAPE_TEXT];
    snprintf(s->place, sizeof s->place, "%s of %s %s", what, tg_dtype_name(dtype), tg_shape_text(text, shape));
}

static tg_status begin_phase(tg_mpi *m, tgi_slot *s, tgi_begin *begin) {
    tgi_lock_hold(&m->lock);
    int error = begin(m, s);
    tgi_lock_leave(&m->lock);
    if (error) return tgi_break_mpi(m, error);
    tgi_driver_wake(m->driver);
    return TG_OK;
}

tg_status tgi_begin_slot(tg_mpi *m, tgi_slot *s, const char *what, tg_dtype dtype, tg_shape shape, uint64_t more,
                         const void *origin) {
    if (m->failed) return m->failed;
    s->dtype = dtype;
    s->begun = tgi_seconds();
    s->done = 0;
    describe(s, what, dtype, shape);
    int64_t  rest[3] = {s->n, s->root, (int64_t)more};
    uint64_t hash = tgi_hash(tgi_hash(0, s->place, strlen(s->place)), rest, sizeof rest);
    bool     known = is_known(m, hash, origin);
    if (begin_ticket(m, s, hash)) return m->failed;
    if (!known && compare(m, s, TG_ERR_ARGUMENT)) return m->failed;
    return begin_phase(m, s, s->begin);
}

static void note(tg_mpi *m, tgi_slot *s) {
    double now = tgi_seconds(), done = s->done > 0 ? s->done : now;
    m->figures.calls++;
    m->figures.bytes += s->bytes;
    m->figures.least_bytes += s->least_bytes;
    m->figures.seconds += done - s->begun;
    m->figures.waited += now - s->waited_from;
    if (!m->options.trace) return;
    fprintf(m->options.trace, "rank %d: %" PRIu64 ": %s: begun at %.6f s, done at %.6f, waited for from %.6f to %.6f\n",
            m->rank, s->number, s->place, s->begun - m->origin, done - m->origin, s->waited_from - m->origin, now - m->origin);
}

/* The ticket first: where the ranks are not at the same place the communication may never end, or end with any error. */
static tg_status end_phase(tg_mpi *m, tgi_slot *s) {
    int error = MPI_SUCCESS;
    if (compare(m, s, TG_ERR_ARGUMENT)) return m->failed;
    await(m, &s->request, s->place, &error);
    if (s->error) error = s->error;
    return !m->failed && error ? tgi_break_mpi(m, error) : m->failed;
}

tg_status tgi_end_slot(tg_mpi *m, tgi_slot *s) {
    s->waited_from = tgi_seconds();
    if (end_phase(m, s) || (s->then && (begin_phase(m, s, s->then) || end_phase(m, s)))) return m->failed;
    if (s->then) s->done = 0;
    note(m, s);
    return TG_OK;
}

tg_status tgi_meet(tg_mpi *m, const char *place, uint64_t hash, tg_status differs) {
    if (m->failed) return m->failed;
    tgi_slot *s = tgi_take_slot(m, 0, 0);
    if (!s) return tgi_break(m, TG_ERR_MEMORY, m->rank, true, "out of memory");
    snprintf(s->place, sizeof s->place, "%s", place);
    if (begin_ticket(m, s, hash) || compare(m, s, differs)) return m->failed;
    tgi_give_slot(s);
    return TG_OK;
}
