/* mpi/point.c: from one rank to another.
 *
 * A header goes before the elements, so that another shape is an error, and not other numbers. Sending copies and does not wait, so that two
 * ranks may send to each other before they receive. The gradient of what was received goes the other way.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "mpi/collective.h"

enum { TAGS = 16384 };

typedef struct header {
    int64_t dtype, rank, dims[TG_MAX_RANK];
} header;

static header header_of(const tg_array *x) {
    header h = {.dtype = (int64_t)x->dtype, .rank = x->rank};
    for (int i = 0; i < x->rank; i++)
        h.dims[i] = x->dims[i];
    return h;
}

/* ---- sending ----------------------------------------------------------------------------------------------------------- */

static tg_status infer_send(tg_infer *call) {
    int64_t n = 1;
    for (int i = 0; i < call->in[0].rank; i++)
        n *= call->in[0].dims[i];
    call->out = (tg_type){.dtype = call->in[0].dtype, .rank = 0, .dims = call->dims};
    tg_status status = tgi_check_dtype(call, call->in[0].dtype, false);
    return status ? status : tgi_check_count(call, n);
}

static int post(tg_mpi *m, tgi_outgoing *o, const tg_array *x, int to, int tag) {
    char *bytes = (char *)o->bytes;
    tgi_lock_hold(&m->lock);
    int error = MPI_Isend(bytes, (int)sizeof(header), MPI_BYTE, to, 2 * tag, m->data, &o->requests[0]);
    if (!error)
        error =
            MPI_Isend(bytes + sizeof(header), (int)x->size, tgi_datatype(x->dtype), to, 2 * tag + 1, m->data, &o->requests[1]);
    tgi_keep_outgoing(m, o);
    tgi_listen(m);
    tgi_lock_leave(&m->lock);
    return error;
}

static void note(tg_mpi *m, int64_t bytes, double begun) {
    m->figures.calls++;
    m->figures.bytes += bytes;
    m->figures.seconds += tgi_seconds() - begun;
}

static tg_status send_kernel(tg_kernel_call *call) {
    const tgi_mpi_attr *attr = call->attr;
    tg_mpi             *m = attr->m;
    if (m->failed) return tgi_kernel_broken(call, m);
    double          begun = tgi_seconds();
    const tg_array *x = &call->in[0];
    size_t          bytes = (size_t)x->size * tg_dtype_size(x->dtype);
    header          h = header_of(x);
    const void     *elements = tg_contiguous(call, 0);
    tgi_outgoing   *o = elements ? tgi_new_outgoing(sizeof h + bytes) : NULL;
    if (!o) return tg_kernel_fail_with(call, TG_ERR_MEMORY, "out of memory");
    memcpy(o->bytes, &h, sizeof h);
    memcpy((char *)o->bytes + sizeof h, elements, bytes);
    int error = post(m, o, x, (int)attr->a, (int)attr->b);
    if (error) return tgi_break_mpi(m, error), tgi_kernel_broken(call, m);
    memset(call->out.data, 0, tg_dtype_size(x->dtype));
    note(m, (int64_t)bytes, begun);
    m->figures.least_bytes += (int64_t)bytes;
    return TG_OK;
}

/* ---- receiving --------------------------------------------------------------------------------------------------------- */

static tg_status infer_recv(tg_infer *call) {
    int64_t n = 1;
    for (int i = 0; i < call->in[0].rank; i++)
        n *= call->in[0].dims[i];
    call->out = call->in[0];
    tg_status status = tgi_check_dtype(call, call->in[0].dtype, false);
    return status ? status : tgi_check_count(call, n);
}

/* The request is the slot's, so that after a failure elsewhere its memory is left to MPI. */
static tg_status receive(tg_mpi *m, tgi_slot *s, void *memory, int count, MPI_Datatype type, int from, int tag) {
    tgi_lock_hold(&m->lock);
    int error = MPI_Irecv(memory, count, type, from, tag, m->data, &s->request);
    tgi_lock_leave(&m->lock);
    if (error) return tgi_break_mpi(m, error);
    tg_status status = tgi_wait(m, &s->request, s->place);
    return !status && s->error ? tgi_break_mpi(m, s->error) : status;
}

/* What came is what was to come; else all ranks fail, for the sender has gone on. */
static tg_status check(tg_mpi *m, const header *came, const tg_array *out, int from) {
    header      own = header_of(out);
    char        text[2][TG_SHAPE_TEXT];
    const char *dtype[2] = {tg_dtype_name((tg_dtype)came->dtype), tg_dtype_name(out->dtype)};
    if (!memcmp(came, &own, sizeof own)) return TG_OK;
    return tgi_break(m, came->dtype == own.dtype ? TG_ERR_SHAPE : TG_ERR_DTYPE, m->rank, true,
                     "rank %d sent %s %s, and rank %d receives %s %s", from, dtype[0],
                     tg_shape_text(text[0], tg_shape_from((int)came->rank, came->dims)), m->rank, dtype[1],
                     tg_shape_text(text[1], tg_shape_from(out->rank, out->dims)));
}

/* Into the communicator's memory first: MPI may write there after this call has failed. */
static tg_status receive_all(tg_mpi *m, tgi_slot *s, tg_array *out, int from, int tag) {
    size_t bytes = (size_t)out->size * tg_dtype_size(out->dtype);
    char   text[TG_SHAPE_TEXT];
    snprintf(s->place, sizeof s->place, "recv of %s %s from rank %d", tg_dtype_name(out->dtype),
             tg_shape_text(text, tg_shape_from(out->rank, out->dims)), from);
    if (receive(m, s, s->send, (int)sizeof(header), MPI_BYTE, from, 2 * tag) || check(m, s->send, out, from) ||
        receive(m, s, s->recv, (int)out->size, tgi_datatype(out->dtype), from, 2 * tag + 1))
        return m->failed;
    memcpy(out->data, s->recv, bytes);
    return TG_OK;
}

static tg_status recv_kernel(tg_kernel_call *call) {
    const tgi_mpi_attr *attr = call->attr;
    tg_mpi             *m = attr->m;
    if (m->failed) return tgi_kernel_broken(call, m);
    double    begun = tgi_seconds();
    size_t    bytes = (size_t)call->out.size * tg_dtype_size(call->out.dtype);
    tgi_slot *s = tgi_take_slot(m, sizeof(header), bytes);
    if (!s) return tg_kernel_fail_with(call, TG_ERR_MEMORY, "out of memory");
    if (receive_all(m, s, &call->out, (int)attr->a, (int)attr->b)) return tgi_kernel_broken(call, m);
    tgi_give_slot(s);
    note(m, (int64_t)bytes, begun);
    m->figures.waited += tgi_seconds() - begun;
    return TG_OK;
}

/* ---- gradients and functions ------------------------------------------------------------------------------------------- */

static tg_tensor send_rule(const tg_rule_call *call);
static tg_tensor recv_rule(const tg_rule_call *call);

static tg_rule *const send_rules[] = {send_rule}, *const recv_rules[] = {recv_rule};
static const tg_op op_send = {"mpi_send", 1, infer_send, .kernel = send_kernel, .rules = send_rules, .random = true};
static const tg_op op_recv = {"mpi_recv", 1, infer_recv, .kernel = recv_kernel, .rules = recv_rules, .random = true};

/* It comes back from where x was sent to. That it depends on g is for the gradient of this. */
static tg_tensor send_rule(const tg_rule_call *call) {
    const tgi_mpi_attr *attr = call->attr;
    return tg_mpi_recv(tg_broadcast_to(call->g, tg_shape_of(call->x[0])), attr->m, (int)attr->a, (int)attr->b);
}

/* It goes back, and for `like` it is zeros, which what was sent leads to. */
static tg_tensor recv_rule(const tg_rule_call *call) {
    const tgi_mpi_attr *attr = call->attr;
    return tg_broadcast_to(tg_mpi_send(call->g, attr->m, (int)attr->a, (int)attr->b), tg_shape_of(call->x[0]));
}

static tg_tensor record(tg_tensor x, tg_mpi *m, const tg_op *op, int other, int tag) {
    tgi_mpi_attr attr = {.m = m, .a = other, .b = tag};
    if (m && (tgi_check_below(x, op->name, "rank", other, m->size) || tgi_check_below(x, op->name, "the tag", tag, TAGS)))
        return tg_invalid(tg_tape_of(x));
    return tgi_record_mpi(m, op, 1, &x, &attr);
}

tg_tensor(tg_mpi_send)(tg_tensor x, tg_mpi *m, int to, int tag) {
    return record(x, m, &op_send, to, tag);
}

tg_tensor(tg_mpi_recv)(tg_tensor like, tg_mpi *m, int from, int tag) {
    return record(like, m, &op_recv, from, tag);
}
