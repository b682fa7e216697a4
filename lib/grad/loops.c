/* grad/loops.c: loops as users record them: checked, with a condition, and within a limit of memory.
 *
 * For the derivative a loop keeps the state before each step. With less memory, its steps are done in segments, by a loop of loops. The
 * outer one keeps the states between the segments; its derivative computes a segment once more, which keeps its own. So for l levels.
 *
 * A loop with a condition counts its steps in a state more, which tells the derivative where it begins. Whether there is a first step is
 * decided before the loop; so for a segment, too.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "grad/grad.h"
#include "grad/loop_op.h"
#include "ops/ops.h"

/* ---- levels ------------------------------------------------------------------------------------------------------ */

/* A loop over segments of `length` steps each. */
typedef struct segments {
    const tg_loop_spec *spec;
    int64_t             length;
    size_t              memory; /* for the states of a segment */
} segments;

static tg_status record_levels(tg_tape *tape, const tg_loop_spec *spec);

static void segment(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    const segments *s = context;
    tg_loop_spec    inner = *s->spec;
    inner.steps = s->length;
    inner.state = state;
    inner.x = x;
    inner.y = y;
    inner.memory = s->memory;
    record_levels(tape, &inner);
}

static tg_tensor segment_condition(tg_tape *tape, const tg_tensor *state, void *context) {
    const segments *s = context;
    return s->spec->condition(tape, state, s->spec->context);
}

static size_t state_bytes(const tg_tape *tape, const tg_loop_spec *spec) {
    size_t bytes = 0;
    for (int i = 0; i < spec->states; i++)
        bytes += tgi_node_bytes(tgi_node_at(tape, tgi_index(spec->state[i])));
    return bytes;
}

/* How many segments: so that with the fewest levels, which have as many each, the states fit; at least two. 0 for one loop. */
static int64_t segment_count(const tg_tape *tape, const tg_loop_spec *spec) {
    size_t bytes = state_bytes(tape, spec);
    if (!spec->memory || !bytes) return 0;
    double room = floor((double)spec->memory / (double)bytes), steps = (double)spec->steps;
    if (steps <= room || steps < 4) return 0;
    int levels = 2;
    while (levels * pow(steps, 1.0 / levels) > room && pow(steps, 1.0 / levels) > 2)
        levels++;
    int64_t count = (int64_t)(room / levels);
    return count < 2 ? 2 : count;
}

void tgi_cut_inputs(const tg_loop_spec *spec, int64_t from, int64_t to, int64_t count, tg_tensor *x) {
    for (int j = 0; j < spec->inputs; j++) {
        x[j] = tg_slice(spec->x[j], 0, from, to, 1);
        tg_shape shape = tg_shape_of(x[j]), parts = {.rank = shape.rank + 1, .dims = {count, count ? (to - from) / count : 0}};
        if (!count || !tg_valid(x[j])) continue;
        if (parts.rank > TG_MAX_RANK) {
            tg_fail(x[j].tape, TG_ERR_SHAPE, "scan",
                    "an input of rank %d cannot be cut into segments: a limit of memory takes one axis more", shape.rank);
            return;
        }
        memcpy(parts.dims + 2, shape.dims + 1, (size_t)(shape.rank - 1) * sizeof *shape.dims);
        x[j] = tg_reshape(x[j], parts);
    }
}

tg_tensor tgi_joined(tg_tensor y) {
    tg_shape shape = tg_shape_of(y), whole = {.rank = shape.rank - 1};
    if (!tg_valid(y)) return y;
    memcpy(whole.dims, shape.dims + 1, (size_t)whole.rank * sizeof *whole.dims);
    whole.dims[0] *= shape.dims[0];
    return tg_reshape(y, whole);
}

static tg_status record_segments(tg_tape *tape, const tg_loop_spec *spec, int64_t count, tg_tensor *x, tg_tensor *y) {
    size_t       kept = (size_t)count * state_bytes(tape, spec);
    segments     s = {spec, spec->steps / count, spec->memory > kept ? spec->memory - kept : 1};
    tg_loop_spec outer = *spec;
    tgi_cut_inputs(spec, 0, count * s.length, count, x);
    outer.body = segment;
    outer.condition = spec->condition ? segment_condition : NULL;
    outer.context = &s;
    outer.steps = count;
    outer.x = x;
    outer.y = y;
    outer.memory = 0;
    if (tape->status || record_levels(tape, &outer)) return tape->status;
    for (int k = 0; k < spec->outputs; k++)
        y[k] = tgi_joined(y[k]);
    return tape->status;
}

/* The steps that are left over, which are the last ones. */
static tg_status record_rest(tg_tape *tape, const tg_loop_spec *spec, int64_t rest, tg_tensor *x, tg_tensor *y) {
    tg_loop_spec last = *spec;
    tgi_cut_inputs(spec, spec->steps - rest, spec->steps, 0, x);
    last.steps = rest;
    last.x = x;
    last.y = y;
    return tape->status || record_levels(tape, &last) ? tape->status : TG_OK;
}

static tg_status record_in_segments(tg_tape *tape, const tg_loop_spec *spec, int64_t count, tg_tensor *x, tg_tensor *y) {
    int64_t    rest = spec->steps % count;
    tg_tensor *last = y + spec->outputs;
    if (rest && spec->reverse) record_rest(tape, spec, rest, x, last);
    if (!tape->status) record_segments(tape, spec, count, x, y);
    if (rest && !spec->reverse && !tape->status) record_rest(tape, spec, rest, x, last);
    for (int k = 0; k < spec->outputs && !tape->status; k++)
        spec->y[k] = rest ? tg_concat(TG_LIST(y[k], last[k]), 0) : y[k];
    return tape->status;
}

/* ---- one loop ---------------------------------------------------------------------------------------------------- */

static void counted_step(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    const tg_loop_spec *spec = context;
    spec->body(tape, state, x, y, spec->context);
    state[spec->states] = tg_add(state[spec->states], 1);
}

static tg_tensor condition_of(tg_tape *tape, const tg_tensor *state, void *context) {
    const tg_loop_spec *spec = context;
    return spec->condition(tape, state, spec->context);
}

/* The same loop with a state more, for which there is room, and which begins with 0: how many steps have been done. */
static tg_loop_spec counted(tg_tape *tape, tg_loop_spec *spec) {
    tg_loop_spec loop = *spec;
    loop.body = counted_step;
    loop.condition = condition_of;
    loop.context = spec;
    loop.state[loop.states++] = tgi_full(tape, "scan", tg_dtype_of(spec->state[0]), TG_SHAPE(), 0);
    return loop;
}

/* All steps, or none. */
static tg_tensor count_first(tg_tape *tape, const tg_loop_spec *spec) {
    tg_tensor more = tgi_call_condition(tape, "scan", spec, spec->state);
    return tape->status ? more : tg_mul(tg_cast(more, TG_I64), (double)spec->steps);
}

static tgi_loop_call call_for(const tg_tape *tape, const tg_loop_spec *spec, const char *what) {
    return (tgi_loop_call){.spec = *spec,
                           .what = what,
                           .saves = !tape->unsaved && tape->role == TGI_FORWARD,
                           .lists_products = true};
}

static tg_status record_with_condition(tg_tape *tape, const tg_loop_spec *spec) {
    tg_loop_spec given = *spec;
    tg_tensor   *state = tgi_pool_take(&tape->pool, ((size_t)spec->states + 1) * sizeof *state);
    if (!state) return tgi_out_of_memory(tape, "scan");
    given.state = memcpy(state, spec->state, (size_t)spec->states * sizeof *state);
    tg_tensor     most = count_first(tape, spec);
    tg_loop_spec  loop = counted(tape, &given);
    tgi_loop_call call = call_for(tape, &loop, "scan");
    call.most = &most;
    if (!tape->status && !tgi_record_loop(tape, &call)) memcpy(spec->state, state, (size_t)spec->states * sizeof *state);
    tgi_pool_give(&tape->pool, state);
    return tape->status;
}

static tg_status record_one(tg_tape *tape, const tg_loop_spec *spec) {
    if (spec->condition) return record_with_condition(tape, spec);
    tgi_loop_call call = call_for(tape, spec, "scan");
    return tgi_record_loop(tape, &call);
}

static tg_status record_map(tg_tape *tape, const tg_loop_spec *spec) {
    tgi_loop_call call = call_for(tape, spec, "map");
    call.is_map = true;
    return tgi_record_loop(tape, &call);
}

static tg_status record_levels(tg_tape *tape, const tg_loop_spec *spec) {
    int64_t count = segment_count(tape, spec);
    if (!count) return record_one(tape, spec);
    tg_tensor *room = tgi_pool_take(&tape->pool, (size_t)(spec->inputs + 2 * spec->outputs) * sizeof *room);
    if (!room) return tgi_out_of_memory(tape, "scan");
    record_in_segments(tape, spec, count, room, room + spec->inputs);
    tgi_pool_give(&tape->pool, room);
    return tape->status;
}

/* ---- how many steps were done ------------------------------------------------------------------------------------ */

/* A count of its own, which goes through all levels. There is room for a state more. */
static tg_status record_and_count(tg_tape *tape, const tg_loop_spec *spec) {
    tg_loop_spec given = *spec, loop = counted(tape, &given);
    if (tape->status || record_levels(tape, &loop)) return tape->status;
    *spec->done = tg_cast(loop.state[spec->states], TG_I64);
    return tape->status;
}

static tg_status record_steps(tg_tape *tape, const tg_loop_spec *spec) {
    if (spec->done && spec->condition) return record_and_count(tape, spec);
    if (record_levels(tape, spec)) return tape->status;
    if (spec->done) *spec->done = tgi_full(tape, "scan", TG_I64, TG_SHAPE(), (double)spec->steps);
    return tape->status;
}

/* ---- what a user gives ------------------------------------------------------------------------------------------- */

static tg_status check_input(tg_tape *tape, const tg_loop_spec *spec, int j) {
    char            text[TGI_TEXT];
    const tgi_node *node = tgi_resolve(tape, spec->x[j], "scan", "an input");
    if (!node || (node->rank > 0 && node->dims[0] == spec->steps)) return tape->status;
    return tgi_fail(tape, TG_ERR_SHAPE, "scan", "input %d is %s: its first axis must be that of the %lld steps", j,
                    tgi_shape_text(text, node->rank, node->dims), (long long)spec->steps);
}

static tg_status check_state(tg_tape *tape, const tg_loop_spec *spec, int i) {
    const tgi_node *node = tgi_resolve(tape, spec->state[i], "scan", "a state"), *first;
    if (!node || !(first = tgi_resolve(tape, spec->state[0], "scan", "a state"))) return tape->status;
    if (node->dtype != first->dtype)
        return tgi_fail(tape, TG_ERR_DTYPE, "scan", "state %d is %s, and the first one %s: states and outputs have one dtype",
                        i, tg_dtype_name((tg_dtype)node->dtype), tg_dtype_name((tg_dtype)first->dtype));
    return TG_OK;
}

/* Steps are counted in the dtype of the states. */
static tg_status check_counting(tg_tape *tape, const tg_loop_spec *spec) {
    if (spec->states == 0 || spec->reverse)
        return tgi_fail(tape, TG_ERR_ARGUMENT, "scan", "a loop with a condition has states, and goes forward");
    tg_dtype dtype = tg_dtype_of(spec->state[0]);
    double   most = dtype == TG_F32 ? 0x1p24 : 0x1p53;
    if (dtype != TG_BOOL && (double)spec->steps <= most) return TG_OK;
    return tgi_fail(tape, TG_ERR_DTYPE, "scan", "%lld steps cannot be counted in the dtype of the states, %s",
                    (long long)spec->steps, tg_dtype_name(dtype));
}

static tg_status check_spec(tg_tape *tape, const tg_loop_spec *spec) {
    bool missing = !spec || !spec->body || (spec->states > 0 && !spec->state) || (spec->inputs > 0 && !spec->x) ||
                   (spec->outputs > 0 && !spec->y);
    if (missing) return tgi_fail(tape, TG_ERR_ARGUMENT, "scan", "no body, or no array of states, inputs or outputs");
    if (spec->states < 0 || spec->inputs < 0 || spec->outputs < 0 || spec->steps < 0)
        return tgi_fail(tape, TG_ERR_ARGUMENT, "scan", "%lld steps with %d states, %d inputs, %d outputs",
                        (long long)spec->steps, spec->states, spec->inputs, spec->outputs);
    if (spec->states == 0 && spec->outputs == 0) return tgi_fail(tape, TG_ERR_ARGUMENT, "scan", "no state, and no output");
    for (int i = 0; i < spec->states; i++)
        if (check_state(tape, spec, i)) return tape->status;
    for (int j = 0; j < spec->inputs; j++)
        if (check_input(tape, spec, j)) return tape->status;
    return spec->condition ? check_counting(tape, spec) : TG_OK;
}

/* The user's states stay as they are in case of an error. */
static tg_status record_loop(tg_tape *tape, const tg_loop_spec *spec, tg_status (*record)(tg_tape *, const tg_loop_spec *)) {
    tg_scope     scope = tg_begin_scope(tape, "scan");
    size_t       bytes = (size_t)spec->states * sizeof *spec->state;
    tg_loop_spec loop = *spec;
    loop.state = tgi_pool_take(&tape->pool, bytes + sizeof *spec->state);
    if (loop.state) {
        if (bytes) memcpy(loop.state, spec->state, bytes);
        record(tape, &loop);
    } else
        tgi_out_of_memory(tape, "scan");
    tg_status status = tg_end_scope(scope);
    if (!status && bytes) memcpy(spec->state, loop.state, bytes);
    tgi_pool_give(&tape->pool, loop.state);
    return status;
}

static tg_status scan(tg_tape *tape, const tg_loop_spec *spec, tg_status (*record)(tg_tape *, const tg_loop_spec *)) {
    tg_status status = tgi_check(tape);
    if (!status) status = check_spec(tape, spec);
    if (!status) status = record_loop(tape, spec, record);
    if (!status) tgi_give_results(tape, status, spec->states, spec->state);
    if (spec) tgi_give_results(tape, status, spec->outputs, spec->y);
    if (spec && spec->done) tgi_give_results(tape, status, 1, spec->done);
    return status;
}

tg_status(tg_scan)(tg_tape *tape, const tg_loop_spec *spec) {
    return scan(tape, spec, record_steps);
}

tg_status tgi_map(tg_tape *tape, const tg_loop_spec *spec) {
    return scan(tape, spec, record_map);
}
