/* mpi/parameters.c: what is the same on all ranks, and what is not.
 *
 * SPDX-License-Identifier: MIT */
#include <limits.h>
#include <string.h>

#include "mpi/collective.h"

/* ---- comparing --------------------------------------------------------------------------------------------------------- */

static uint64_t text_hash(uint64_t hash, const char *text) {
    return tgi_hash(hash, text, strlen(text));
}

/* That there are as many everywhere, and then of each its name, dtype and shape. */
static tg_status compare_kinds(tg_mpi *m) {
    char    place[TGI_MPI_PLACE], text[TG_SHAPE_TEXT];
    int64_t count = tg_parameter_count(m->tape);
    snprintf(place, sizeof place, "%lld parameters", (long long)count);
    tgi_meet(m, place, (uint64_t)count, TG_ERR_NAME);
    for (int64_t i = 0; i < count && !m->failed; i++) {
        tg_tensor w = tg_parameter_at(m->tape, i);
        snprintf(place, sizeof place, "parameter '%.100s', %s %.70s", tg_name(w), tg_dtype_name(tg_dtype_of(w)),
                 tg_shape_text(text, tg_shape_of(w)));
        if (tgi_meet(m, place, text_hash(1, tg_name(w)), TG_ERR_NAME)) break;
        if (tgi_meet(m, place, (uint64_t)tg_dtype_of(w), TG_ERR_DTYPE)) break;
        tgi_meet(m, place, text_hash(2, text), TG_ERR_SHAPE);
    }
    return tgi_settle(m);
}

static int begin_maximum(tg_mpi *m, tgi_slot *s) {
    return MPI_Iallreduce(s->send, s->recv, s->n, MPI_INT64_T, MPI_MAX, m->data, &s->request);
}

static tg_status out_of_memory(tg_mpi *m) {
    tgi_break(m, TG_ERR_MEMORY, m->rank, true, "out of memory");
    return tgi_settle(m);
}

/* The greatest of the hashes, and of their complements, which are the least: the same where all are. */
static tg_status compare_bits(tg_mpi *m) {
    int64_t   count = tg_parameter_count(m->tape);
    size_t    bytes = 2 * (size_t)count * sizeof(int64_t);
    tgi_slot *s = tgi_take_slot(m, bytes, bytes);
    if (!s) return out_of_memory(m);
    int64_t *mine = s->send, *all = s->recv;
    for (int64_t i = 0; i < count; i++) {
        tg_tensor   w = tg_parameter_at(m->tape, i);
        const void *elements = tg_peek(w);
        if (!elements && tg_size(w)) return tgi_settle(m);
        mine[2 * i] = (int64_t)tgi_hash(0, elements, (size_t)tg_size(w) * tg_dtype_size(tg_dtype_of(w)));
        mine[2 * i + 1] = ~mine[2 * i];
    }
    s->n = (int)(2 * count);
    s->begin = begin_maximum;
    if (tgi_begin_slot(m, s, "comparison of parameters", TG_I64, TG_SHAPE(count), 0, NULL) || tgi_end_slot(m, s))
        return tgi_settle(m);
    for (int64_t i = 0; i < count && !m->failed; i++)
        if (all[2 * i] != ~all[2 * i + 1])
            tgi_break(m, TG_ERR_VALUE, TGI_ALL_RANKS, false, "the parameter '%s' does not have the same bits on all ranks",
                      tg_name(tg_parameter_at(m->tape, i)));
    if (!m->failed) tgi_give_slot(s);
    return tgi_settle(m);
}

tg_status(tg_mpi_check_parameters)(tg_mpi *m) {
    if (!m) return TG_ERR_HANDLE;
    return tgi_settle(m) || compare_kinds(m) ? tg_error_status(m->tape) : compare_bits(m);
}

/* ---- sharing ----------------------------------------------------------------------------------------------------------- */

static int begin_broadcast(tg_mpi *m, tgi_slot *s) {
    return MPI_Ibcast(s->recv, s->n, tgi_datatype(s->dtype), 0, m->data, &s->request);
}

static tg_status check_count(tg_mpi *m, tg_tensor w) {
    if (tg_size(w) <= INT_MAX) return TG_OK;
    return tg_fail(m->tape, TG_ERR_SHAPE, "mpi_share_parameters", "'%s' has more elements than MPI sends at once", tg_name(w));
}

static tg_status share(tg_mpi *m, tg_tensor w) {
    const void *own = tg_data(w);
    size_t      bytes = (size_t)tg_size(w) * tg_dtype_size(tg_dtype_of(w));
    if (check_count(m, w) || tg_error_status(m->tape)) return tgi_settle(m);
    tgi_slot *s = tgi_take_slot(m, 0, bytes);
    if (!s) return out_of_memory(m);
    if (m->rank == 0 && bytes) memcpy(s->recv, own, bytes);
    s->begin = begin_broadcast;
    s->n = (int)tg_size(w);
    s->bytes = s->least_bytes = (int64_t)bytes;
    if (tgi_begin_slot(m, s, "sharing of a parameter", tg_dtype_of(w), tg_shape_of(w), 0, NULL) || tgi_end_slot(m, s))
        return tgi_settle(m);
    if (bytes && memcmp(s->recv, own, bytes) && !tg_borrowed(w)) tg_write(w, (const void *)s->recv, tg_size(w));
    tgi_give_slot(s);
    return tgi_settle(m);
}

tg_status(tg_mpi_share_parameters)(tg_mpi *m) {
    if (!m) return TG_ERR_HANDLE;
    if (tgi_settle(m) || compare_kinds(m)) return tg_error_status(m->tape);
    for (int64_t i = 0; i < tg_parameter_count(m->tape); i++)
        if (share(m, tg_parameter_at(m->tape, i))) return tg_error_status(m->tape);
    return compare_bits(m);
}

/* ---- random numbers and data ------------------------------------------------------------------------------------------- */

static tg_status swap_generators(tg_mpi *m) {
    tg_generator_state now;
    if (tg_get_generator(m->tape, &now) || tg_set_generator(m->tape, &m->other_generator)) return tg_error_status(m->tape);
    m->other_generator = now;
    m->draws_common = !m->draws_common;
    return TG_OK;
}

/* Only 32 bits of a seed count: those of the ranks follow one another, from a place that the seed says. */
tg_status(tg_mpi_seed)(tg_mpi *m, uint64_t seed) {
    if (!m) return TG_ERR_HANDLE;
    if (tg_seed(m->tape, seed) || tg_get_generator(m->tape, &m->other_generator)) return tg_error_status(m->tape);
    m->draws_common = false;
    return tg_seed(m->tape, tgi_hash(3, &seed, sizeof seed) + (uint64_t)m->rank);
}

tg_status(tg_mpi_draw_common)(tg_mpi *m, bool on) {
    if (!m) return TG_ERR_HANDLE;
    return on == m->draws_common ? tg_error_status(m->tape) : swap_generators(m);
}

tg_tensor(tg_mpi_shard)(tg_tensor rows, tg_mpi *m) {
    tg_operands o;
    if (tg_check_operands(&o, "mpi_shard", 1, 1, &rows)) return tg_invalid(o.tape);
    if (!m) return tg_fail(o.tape, TG_ERR_ARGUMENT, o.name, "the communicator is NULL"), tg_invalid(o.tape);
    if (o.type[0].dtype != TG_I64) return tg_refuse_operands(&o, TG_ERR_DTYPE, "the rows are int64"), tg_invalid(o.tape);
    if (o.type[0].rank != 1) return tg_refuse_operands(&o, TG_ERR_SHAPE, "the rows have one axis"), tg_invalid(o.tape);
    int64_t  each = o.type[0].dims[0] / m->size, first = each ? m->rank : 0;
    tg_scope scope = tg_begin_scope(o.tape, o.name);
    return tg_end_scope_with(scope,
                             tg_slice(rows, 0, first, each ? first + (each - 1) * m->size + 1 : first, each ? m->size : 1));
}
