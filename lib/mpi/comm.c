/* mpi/comm.c: making and freeing a communicator, and agreeing.
 *
 * SPDX-License-Identifier: MIT */
#include "mpi/comm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- maximum and minimum, of NaN too --------------------------------------------------------------------------------- */

/* An int64 is combined in its own type, floating numbers so that NaN wins. */
#define COMBINE(T, BETTER) \
    for (int i = 0; i < *count; i++) { \
        T a = ((const T *)in)[i], *b = (T *)inout + i; \
        if (BETTER || a != a) *b = a; \
    }
#define COMBINE_ANY(BETTER) \
    do { \
        if (*type == MPI_FLOAT) { \
            COMBINE(float, BETTER) \
        } else if (*type == MPI_DOUBLE) { \
            COMBINE(double, BETTER) \
        } else { \
            COMBINE(int64_t, BETTER) \
        } \
    } while (0)

static void greater(void *in, void *inout, int *count, MPI_Datatype *type) {
    COMBINE_ANY(a > *b);
}

static void lesser(void *in, void *inout, int *count, MPI_Datatype *type) {
    COMBINE_ANY(a < *b);
}

/* ---- making ---------------------------------------------------------------------------------------------------------- */

/* What the thread does: tests what is under way; how much that is. */
static int drive_on(void *argument) {
    tg_mpi *m = argument;
    int     under_way = 0;
    tgi_lock_hold(&m->lock);
    for (int i = 0; i < m->slot_count; i++) {
        tgi_slot *s = m->slots[i];
        if (s->request == MPI_REQUEST_NULL || s->error) continue;
        int done = 0, error = MPI_Test(&s->request, &done, MPI_STATUS_IGNORE);
        if (error) s->error = error;
        if (done) s->done = tgi_seconds();
        under_way += !done && !error;
    }
    tgi_lock_leave(&m->lock);
    return under_way;
}

/* Without keeping a processor busy that another rank may need. */
static int duplicate(MPI_Comm comm, MPI_Comm *copy) {
    MPI_Request request = MPI_REQUEST_NULL;
    int         done = 0, error = MPI_Comm_idup(comm, copy, &request);
    while (!error && !(error = MPI_Test(&request, &done, MPI_STATUS_IGNORE)) && !done)
        tgi_pause(20e-6);
    return error ? error : MPI_Comm_set_errhandler(*copy, MPI_ERRORS_RETURN);
}

static int connect(tg_mpi *m, MPI_Comm comm) {
    int error = duplicate(comm, &m->data);
    if (!error) error = duplicate(comm, &m->control);
    if (!error) error = MPI_Comm_rank(comm, &m->rank);
    if (!error) error = MPI_Comm_size(comm, &m->size);
    if (!error) error = MPI_Op_create(greater, 1, &m->max);
    if (!error) error = MPI_Op_create(lesser, 1, &m->min);
    return error;
}

static void make_driver(tg_mpi *m) {
    int provided = MPI_THREAD_SINGLE;
    MPI_Query_thread(&provided);
    if (!m->options.no_thread && m->size > 1 && provided == MPI_THREAD_MULTIPLE) m->driver = tgi_driver_new(drive_on, m);
}

static bool mpi_is_there(void) {
    int begun = 0, ended = 0;
    return !MPI_Initialized(&begun) && begun && !MPI_Finalized(&ended) && !ended;
}

/* Frees what is not MPI's, of one that is broken as well. */
static void destroy(tg_mpi *m) {
    tgi_driver_free(m->driver);
    tgi_free_slots(m);
    tgi_free_outgoing(m);
    tgi_lock_free(&m->lock);
    free(m->heard);
    free(m);
}

/* The ranks have come together, so an error is told to the others, and is theirs too. */
static bool start(tg_mpi *m) {
    m->heard = calloc((size_t)m->size, sizeof *m->heard);
    tgi_start_listening(m);
    if (!m->heard)
        tgi_break(m, TG_ERR_MEMORY, m->rank, true, "out of memory");
    else if (!tgi_meet(m, "tg_mpi_new", m->options.deterministic, TG_ERR_ARGUMENT))
        make_driver(m);
    tgi_settle(m);
    return m->heard;
}

tg_mpi *(tg_mpi_new)(tg_tape *tape, MPI_Comm comm, const tg_mpi_options *options) {
    if (tg_error_status(tape)) return NULL;
    if (!mpi_is_there()) return tg_fail(tape, TG_ERR_ARGUMENT, "mpi_new", "call MPI_Init first"), NULL;
    tg_mpi *m = calloc(1, sizeof *m);
    if (!m) return tg_fail(tape, TG_ERR_MEMORY, "mpi_new", "out of memory"), NULL;
    m->tape = tape;
    if (options) m->options = *options;
    tgi_lock_make(&m->lock);
    m->origin = tgi_seconds();
    int error = connect(m, comm);
    if (error) {
        char text[MPI_MAX_ERROR_STRING + 1] = "";
        int  length;
        MPI_Error_string(error, text, &length);
        tg_fail(tape, TG_ERR_IO, "mpi_new", "MPI: %.300s", text);
    } else if (start(m)) {
        if (!m->failed) tg_get_generator(tape, &m->other_generator);
        return m;
    } else
        tgi_stop_listening(m);
    destroy(m);
    return NULL;
}

/* ---- questions ------------------------------------------------------------------------------------------------------- */

int tg_mpi_rank(const tg_mpi *m) {
    return m ? m->rank : 0;
}

int tg_mpi_size(const tg_mpi *m) {
    return m ? m->size : 1;
}

tg_tape *tg_mpi_tape(const tg_mpi *m) {
    return m ? m->tape : NULL;
}

tg_mpi_figures tg_mpi_stats(const tg_mpi *m) {
    return m ? m->figures : (tg_mpi_figures){0};
}

/* ---- agreeing -------------------------------------------------------------------------------------------------------- */

static tg_status agree(tg_mpi *m, const char *place) {
    if (!tgi_settle(m)) tgi_meet(m, place, tgi_hash(0, place, strlen(place)), TG_ERR_ARGUMENT);
    return tgi_settle(m);
}

tg_status(tg_mpi_agree)(tg_mpi *m) {
    return m ? agree(m, "tg_mpi_agree") : TG_ERR_HANDLE;
}

tg_status(tg_mpi_once)(tg_mpi *m, tg_mpi_function *function, void *context) {
    if (!m) return TG_ERR_HANDLE;
    if (!function) tg_fail(m->tape, TG_ERR_ARGUMENT, "mpi_once", "no function");
    if (agree(m, "the begin of tg_mpi_once")) return tg_error_status(m->tape);
    tg_status status = m->rank == 0 ? function(m->tape, context) : TG_OK;
    if (status && !tg_error_status(m->tape)) tg_fail(m->tape, status, "mpi_once", "the function returned an error");
    return agree(m, "the end of tg_mpi_once");
}

/* ---- freeing --------------------------------------------------------------------------------------------------------- */

/* What was sent is taken, if it ever is. */
static void await_sent(tg_mpi *m) {
    for (double begun = tgi_seconds(); m->outgoing && tgi_seconds() - begun < 1; tgi_pause(50e-6)) {
        tgi_lock_hold(&m->lock);
        tgi_listen(m);
        tgi_lock_leave(&m->lock);
    }
}

tg_status(tg_mpi_free)(tg_mpi *m) {
    if (!m) return TG_OK;
    tg_status status = agree(m, "tg_mpi_free");
    await_sent(m);
    tgi_driver_free(m->driver);
    m->driver = NULL;
    tgi_stop_listening(m);
    if (!status) {
        MPI_Op_free(&m->max);
        MPI_Op_free(&m->min);
        MPI_Comm_free(&m->data);
        MPI_Comm_free(&m->control);
    }
    destroy(m);
    return status;
}
