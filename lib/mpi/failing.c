/* mpi/failing.c: how the failure of one rank becomes that of all.
 *
 * Each rank listens for messages of control whenever it waits. One that fails tells all others; then it, and each that hears of it, has a
 * broken communicator, and begins nothing with it any more. A rank that has waited too long asks the others where they are; those that wait
 * too, answer, and the others are named. Where tickets differ, all tell rank 0 where they are, which tells all.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "mpi/comm.h"

enum { CONTROL_TAG = 1 };

static const double answers_take = 2, places_take = 5; /* seconds, at most */

static void append(char text[TGI_MPI_TEXT], const char *format, ...) __attribute__((format(printf, 2, 3)));
static void append(char text[TGI_MPI_TEXT], const char *format, ...) {
    size_t  length = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + length, TGI_MPI_TEXT - length, format, arguments);
    va_end(arguments);
}

/* ---- sending ----------------------------------------------------------------------------------------------------------- */

tgi_outgoing *tgi_new_outgoing(size_t bytes) {
    tgi_outgoing *o = malloc(sizeof *o + bytes);
    if (o) o->requests[0] = o->requests[1] = MPI_REQUEST_NULL;
    return o;
}

void tgi_keep_outgoing(tg_mpi *m, tgi_outgoing *o) {
    o->next = m->outgoing;
    m->outgoing = o;
}

static void free_sent(tg_mpi *m) {
    for (tgi_outgoing **at = &m->outgoing; *at;) {
        tgi_outgoing *o = *at;
        int           done[2] = {0};
        for (int i = 0; i < 2; i++)
            MPI_Test(&o->requests[i], &done[i], MPI_STATUS_IGNORE);
        if (!done[0] || !done[1]) {
            at = &o->next;
            continue;
        }
        *at = o->next;
        free(o);
    }
}

/* What is not yet sent is left to MPI. */
void tgi_free_outgoing(tg_mpi *m) {
    free_sent(m);
}

/* What cannot be sent is not: the other rank gives up by itself, or is ended by mpirun. */
static void tell(tg_mpi *m, int to, const tgi_message *message) {
    tgi_outgoing *o = tgi_new_outgoing(sizeof *message);
    if (!o) return;
    memcpy(o->bytes, message, sizeof *message);
    if (MPI_Isend(o->bytes, (int)sizeof *message, MPI_BYTE, to, CONTROL_TAG, m->control, &o->requests[0]))
        free(o);
    else
        tgi_keep_outgoing(m, o);
}

static void tell_all(tg_mpi *m, const tgi_message *message) {
    for (int to = 0; to < m->size; to++)
        if (to != m->rank) tell(m, to, message);
}

/* ---- listening --------------------------------------------------------------------------------------------------------- */

static void hear_failure(tg_mpi *m, const tgi_message *message) {
    if (!m->failed)
        tgi_break(m, (tg_status)message->status, message->of, false, "%s", message->text);
    else if (m->failed_rank == m->rank && message->of == message->rank && message->rank < m->rank)
        m->failed_rank = message->rank; /* two failed, and each told the other: one of them speaks */
    if (message->of != message->rank && message->of != TGI_ALL_RANKS) m->silent = true;
    m->told = true;
}

/* The first few ranks' are kept, in order. */
static void hear_place(tg_mpi *m, const tgi_message *message) {
    int at = m->place_count < TGI_PLACES ? m->place_count++ : TGI_PLACES;
    m->place_total++;
    for (; at > 0 && m->places[at - 1].rank > message->rank; at--)
        if (at < TGI_PLACES) m->places[at] = m->places[at - 1];
    if (at < TGI_PLACES) m->places[at] = *message;
}

static void hear(tg_mpi *m, const tgi_message *message) {
    tgi_message answer = {.word = TGI_HERE, .rank = m->rank};
    switch ((tgi_word)message->word) {
    case TGI_FAILED: hear_failure(m, message); break;
    case TGI_ASK:
        snprintf(answer.text, sizeof answer.text, "%s", m->waiting ? m->waiting : "");
        tell(m, message->rank, &answer);
        break;
    case TGI_HERE:
        m->heard[message->rank] = true;
        append(m->answers, "; rank %d waits in %s", message->rank, message->text);
        break;
    case TGI_PLACE: hear_place(m, message); break;
    }
}

static void receive(tg_mpi *m) {
    if (MPI_Irecv(&m->incoming, (int)sizeof m->incoming, MPI_BYTE, MPI_ANY_SOURCE, CONTROL_TAG, m->control,
                  &m->control_request))
        m->control_request = MPI_REQUEST_NULL;
}

void tgi_start_listening(tg_mpi *m) {
    m->control_request = MPI_REQUEST_NULL;
    receive(m);
}

void tgi_listen(tg_mpi *m) {
    int done = 1;
    while (m->control_request != MPI_REQUEST_NULL) {
        if (MPI_Test(&m->control_request, &done, MPI_STATUS_IGNORE) || !done) break;
        tgi_message message = m->incoming;
        receive(m);
        hear(m, &message);
    }
    if (m->outgoing) free_sent(m);
}

void tgi_stop_listening(tg_mpi *m) {
    if (m->control_request == MPI_REQUEST_NULL) return;
    MPI_Cancel(&m->control_request);
    MPI_Wait(&m->control_request, MPI_STATUS_IGNORE);
}

/* Listens for so long, or until it is enough. */
static void listen_for(tg_mpi *m, double seconds, bool (*is_enough)(const tg_mpi *m)) {
    for (double end = tgi_seconds() + seconds; tgi_seconds() < end && !is_enough(m); tgi_pause(100e-6)) {
        tgi_lock_hold(&m->lock);
        tgi_listen(m);
        tgi_lock_leave(&m->lock);
    }
}

/* ---- breaking ---------------------------------------------------------------------------------------------------------- */

static void tell_failure(tg_mpi *m) {
    tgi_message message = {.word = TGI_FAILED, .status = (int32_t)m->failed, .rank = m->rank, .of = m->failed_rank};
    if (m->failed_rank == m->rank) append(message.text, "rank %d failed: ", m->rank);
    append(message.text, "%s", m->text);
    tgi_lock_hold(&m->lock);
    tell_all(m, &message);
    tgi_lock_leave(&m->lock);
    m->told = true;
}

tg_status tgi_break(tg_mpi *m, tg_status status, int rank, bool tells, const char *format, ...) {
    if (m->failed) return m->failed;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(m->text, sizeof m->text, format, arguments);
    va_end(arguments);
    m->failed = status ? status : TG_ERR_VALUE;
    m->failed_rank = rank;
    if (tells) tell_failure(m);
    return m->failed;
}

static bool is_broken(const tg_mpi *m) {
    return m->failed != TG_OK;
}

tg_status tgi_break_mpi(tg_mpi *m, int error) {
    char text[MPI_MAX_ERROR_STRING + 1] = "";
    int  length = 0;
    MPI_Error_string(error, text, &length);
    return tgi_break(m, TG_ERR_IO, m->rank, true, "MPI: %.*s", 300, text);
}

static bool is_another_s(const tg_mpi *m) {
    return m->failed_rank != m->rank;
}

/* Others may have failed as well: the one with the lowest number is to speak, and the others hear of it in a moment. */
tg_status tgi_settle(tg_mpi *m) {
    const double moment = 0.2; /* seconds */
    if (tg_error_status(m->tape) && !m->failed) {
        tgi_break(m, tg_error_status(m->tape), m->rank, true, "%s", tg_error(m->tape));
        if (m->rank > 0) listen_for(m, moment, is_another_s);
    }
    if (m->failed && !tg_error_status(m->tape)) tg_fail(m->tape, m->failed, "mpi", "%s", m->text);
    return tg_error_status(m->tape);
}

tg_status tgi_kernel_broken(const tg_kernel_call *call, const tg_mpi *m) {
    return tg_kernel_fail_with(call, m->failed, "%s", m->text);
}

/* ---- waits that last too long ------------------------------------------------------------------------------------------ */

static bool all_answered(const tg_mpi *m) {
    int count = 0;
    for (int r = 0; r < m->size; r++)
        count += m->heard[r];
    return m->failed || count == m->size;
}

tg_status tgi_give_up(tg_mpi *m, const char *what) {
    tgi_message ask = {.word = TGI_ASK, .rank = m->rank};
    memset(m->heard, 0, (size_t)m->size * sizeof *m->heard);
    m->heard[m->rank] = true;
    m->answers[0] = 0;
    m->waiting = what;
    tgi_lock_hold(&m->lock);
    tell_all(m, &ask);
    tgi_lock_leave(&m->lock);
    listen_for(m, answers_take, all_answered);
    if (m->failed) return m->failed;

    char text[TGI_MPI_TEXT] = "";
    int  silent = TGI_ALL_RANKS, count = 0;
    for (int r = 0; r < m->size; r++) {
        if (m->heard[r]) continue;
        if (count++ < 8) append(text, "%s %d", silent == TGI_ALL_RANKS ? "" : ",", r);
        if (silent == TGI_ALL_RANKS) silent = r;
    }
    m->silent = count > 0;
    return tgi_break(m, TG_ERR_IO, silent, true, "rank %d waited too long in %s, and %s%s%s%s%s", m->rank, what,
                     count > 1   ? "these ranks do not answer:"
                     : count > 0 ? "this rank does not answer:"
                                 : "all ranks answer",
                     text, count > 8 ? " and others" : "", "", m->answers);
}

/* ---- ranks that are not at the same place ------------------------------------------------------------------------------ */

static bool all_places_came(const tg_mpi *m) {
    return m->failed || m->place_total == m->size - 1;
}

static tg_status compose(tg_mpi *m, const tgi_slot *s, tg_status status) {
    char text[TGI_MPI_TEXT] = "";
    listen_for(m, places_take, all_places_came);
    for (int i = 0; i < m->place_count; i++)
        if (strcmp(m->places[i].text, s->place)) append(text, "; rank %d: %s", m->places[i].rank, m->places[i].text);
    return tgi_break(m, status, TGI_ALL_RANKS, true, "the ranks differ at their communication %" PRIu64 ": rank 0: %s%s",
                     s->number, s->place, *text ? text : "; others are about another operand, or another number of them");
}

tg_status tgi_say_where(tg_mpi *m, const tgi_slot *s, tg_status status) {
    if (m->failed) return m->failed;
    if (m->rank == 0) return compose(m, s, status);
    tgi_message place = {.word = TGI_PLACE, .rank = m->rank, .number = s->number};
    snprintf(place.text, sizeof place.text, "%s", s->place);
    tgi_lock_hold(&m->lock);
    tell(m, 0, &place);
    tgi_lock_leave(&m->lock);
    listen_for(m, places_take + 1, is_broken);
    return tgi_break(m, status, TGI_ALL_RANKS, false, "the ranks differ at their communication %" PRIu64 ": this one: %s",
                     s->number, s->place);
}

/* ---- the way out ------------------------------------------------------------------------------------------------------- */

bool tg_mpi_speaks(const tg_mpi *m) {
    if (!m || !m->failed || m->failed_rank == TGI_ALL_RANKS) return !m || m->rank == 0;
    if (m->failed_rank == m->rank) return !m->silent; /* one that others gave up has been spoken for */
    return m->silent && m->rank == (m->failed_rank == 0 ? 1 : 0);
}

static bool is_never(const tg_mpi *m) {
    (void)m;
    return false;
}

static bool all_sent(const tg_mpi *m) {
    return !m->outgoing;
}

void tg_mpi_abort(tg_mpi *m, int exit_code) {
    const double to_be_told = 1, to_be_ended = 3; /* seconds */
    if (m) {
        tgi_settle(m);
        if (m->failed && tg_mpi_speaks(m))
            listen_for(m, to_be_told, all_sent);
        else if (m->failed)
            listen_for(m, to_be_ended, is_never);
    }
    MPI_Abort(m ? m->control : MPI_COMM_WORLD, exit_code);
    exit(exit_code); /* MPI_Abort does not return; compilers do not know */
}
