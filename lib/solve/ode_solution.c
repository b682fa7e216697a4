/* solve/ode_solution.c: the accepted steps of tg_odeint as a loop.
 *
 * The loop's body is a step, and gives the states at some times within it. As a body has one shape, each pass gives as many, of which
 * some may be of no use; a step in which more times are wanted is taken in several passes, and only the last one moves the state on.
 * So the passes are at most twice as many as the steps, and what they give at most four times what the larger of times and steps needs.
 *
 * One loop over all passes gives a state for each of their times, of which the wanted ones are taken. Or else one loop ends at each time,
 * and its last state is what is wanted: where there is but one time, or where memory is limited and the steps are many, as that costs a
 * recording for each time, but no memory for each step.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "solve/odeint.h"

enum { T, H, PART, MOVES, INPUTS };

typedef struct schedule {
    const tgi_ode *ode;
    size_t         memory;
    int64_t        first;         /* how many times are the first one: what follows is without these */
    int64_t        distinct;      /* times, without those that are that of the one before */
    int64_t        passes, width; /* each of these gives so many states */
    bool           between;       /* times are within steps, */
    bool           stays;         /* passes leave the state where it is, */
    bool           piecewise;     /* a loop ends at each time */
    double        *number[MOVES]; /* of each pass t, h, and the parts of its step at which it gives states */
    bool          *moves;
    int64_t       *place; /* of each time: where it is among all that the passes give */
    tg_tensor      input[INPUTS];
} schedule;

/* ---- which pass gives which time --------------------------------------------------------------------------------- */

static void add_pass(schedule *s, tgi_ode_step step) {
    s->number[T][s->passes] = step.t;
    s->number[H][s->passes] = step.h;
    for (int64_t j = 0; j < s->width; j++)
        s->number[PART][s->passes * s->width + j] = 1;
    s->moves[s->passes++] = true;
}

static void give_time(schedule *s, int64_t i, int64_t given, double part) {
    s->place[i] = (s->passes - 1) * s->width + given;
    s->number[PART][s->place[i]] = fmin(part, 1);
    s->between |= part < 1;
}

static void place_times(schedule *s, int64_t n, const tgi_ode_step *steps, int64_t count, const double *times) {
    int64_t i = 0;
    for (int64_t k = 0; k < n; k++) {
        tgi_ode_step step = steps[k];
        add_pass(s, step);
        for (int64_t given = 0; i < count && (k == n - 1 || fabs(times[i] - step.t) <= fabs(step.h)); i++) {
            if (i > 0 && times[i] == times[i - 1]) {
                s->place[i] = s->place[i - 1];
                continue;
            }
            if (given == s->width) {
                s->moves[s->passes - 1] = false;
                s->stays = true;
                add_pass(s, step);
                given = 0;
            }
            give_time(s, i, given++, (times[i] - step.t) / step.h);
        }
    }
}

static void choose_way(schedule *s, int64_t n) {
    double given = (double)s->passes * (double)s->width * (double)s->ode->size * (double)tg_dtype_size(s->ode->dtype);
    s->piecewise = s->distinct == 1 || (s->memory && n / 4 > s->distinct && given > (double)s->memory);
    if (s->piecewise && s->memory) s->memory = s->memory / (size_t)s->distinct + 1;
}

static tg_status plan(schedule *s, int64_t n, const tgi_ode_step *steps, int64_t count, const double *times) {
    for (int64_t i = s->first; i < count; i++)
        s->distinct += times[i] != times[i - 1];
    s->width = (s->distinct + n - 1) / n;
    size_t most = (size_t)(n + s->distinct / s->width), width = (size_t)s->width;
    s->number[T] = calloc(most * (width + 2), sizeof **s->number);
    s->moves = calloc(most, sizeof *s->moves);
    s->place = calloc((size_t)count, sizeof *s->place);
    if (!s->number[T] || !s->moves || !s->place) return tg_fail(s->ode->tape, TG_ERR_MEMORY, s->ode->name, "out of memory");
    s->number[H] = s->number[T] + most;
    s->number[PART] = s->number[H] + most;
    place_times(s, n, steps, count - s->first, times + s->first);
    choose_way(s, n);
    return TG_OK;
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

static void record_inputs(schedule *s) {
    const tgi_ode *ode = s->ode;
    for (int j = T; j < MOVES; j++) {
        tg_shape shape = j == PART ? TG_SHAPE(s->passes, s->width, 1) : TG_SHAPE(s->passes);
        s->input[j] = tg_cast((tg_constant)(ode->tape, TG_F64, shape, s->number[j]), ode->dtype);
    }
    s->input[MOVES] = (tg_constant)(ode->tape, TG_BOOL, TG_SHAPE(s->passes), s->moves);
}

/* The states are that at the beginning of the step, the rate there, and, where it counts, what was given last. */
static void pass(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    const schedule *s = context;
    tg_tensor       k[TGI_STAGES] = {state[1]}, given;
    tg_tensor       next = tgi_ode_step_from(s->ode, x[T], x[H], state[0], k);
    if (tg_error_status(tape)) return;
    if (s->between)
        given = tgi_ode_between(k, state[0], next, x[H], x[PART]);
    else
        given = tg_reshape(next, TG_SHAPE(1, s->ode->size));
    state[0] = s->stays ? tg_where(x[MOVES], next, state[0]) : next;
    state[1] = s->stays ? tg_where(x[MOVES], k[TGI_STAGES - 1], state[1]) : k[TGI_STAGES - 1];
    if (s->piecewise)
        state[2] = given;
    else
        y[0] = given;
}

static tg_status record_passes(schedule *s, int64_t from, int64_t to, tg_tensor *state, tg_tensor *y) {
    tg_tensor x[INPUTS];
    for (int j = 0; j < INPUTS; j++)
        x[j] = tg_slice(s->input[j], 0, from, to, 1);
    return tg_scan(s->ode->tape, &(tg_loop_spec){.body = pass,
                                                 .context = s,
                                                 .steps = to - from,
                                                 .states = s->piecewise ? 3 : 2,
                                                 .inputs = INPUTS,
                                                 .outputs = s->piecewise ? 0 : 1,
                                                 .state = state,
                                                 .x = x,
                                                 .y = y,
                                                 .memory = s->memory});
}

static tg_tensor in_one_loop(schedule *s, int64_t count, tg_tensor *state) {
    tg_tensor given, place = (tg_constant)(s->ode->tape, TG_I64, TG_SHAPE(count), s->place);
    if (record_passes(s, 0, s->passes, state, &given)) return tg_invalid(s->ode->tape);
    return tg_take(tg_reshape(given, TG_SHAPE(s->passes * s->width, s->ode->size)), place, 0);
}

static tg_tensor time_by_time(schedule *s, int64_t count, tg_tensor *state) {
    tg_tape   *tape = s->ode->tape;
    tg_tensor *at = malloc((size_t)count * sizeof *at), all = tg_invalid(tape);
    if (!at) tg_fail(tape, TG_ERR_MEMORY, s->ode->name, "out of memory");
    for (int64_t i = 0, done = 0; i < count && !tg_error_status(tape); i++) {
        int64_t passes = s->place[i] / s->width + 1;
        if (passes > done) record_passes(s, done, passes, state, NULL);
        done = passes;
        at[i] = tg_select(state[2], 0, s->place[i] % s->width);
    }
    if (!tg_error_status(tape)) all = tg_stack(tg_list_from((int)count, at), 0);
    free(at);
    return all;
}

static tg_tensor record_loops(schedule *s, int64_t count) {
    const tgi_ode *ode = s->ode;
    record_inputs(s);
    tg_tensor t = tg_select(s->input[T], 0, 0);
    tg_tensor state[] = {ode->y0, tgi_ode_rate(ode, t, ode->y0), TG_NONE};
    if (!s->piecewise) return in_one_loop(s, count, state);
    state[2] = tg_broadcast_to(tg_number(ode->tape, ode->dtype, 0), TG_SHAPE(s->width, ode->size));
    return time_by_time(s, count, state);
}

/* ---- the solution ------------------------------------------------------------------------------------------------ */

tg_tensor tgi_record_solution(const tgi_ode *ode, int64_t n, const tgi_ode_step *steps, int count, const double *times,
                              size_t memory) {
    schedule  s = {.ode = ode, .memory = memory, .first = 1};
    tg_shape  shape = tg_shape_of(ode->y0), all = {.rank = shape.rank + 1, .dims = {count}};
    tg_tensor parts[2] = {TG_NONE, TG_NONE};
    while (s.first < count && times[s.first] == times[0])
        s.first++;
    parts[0] = tg_broadcast_to(tg_reshape(ode->y0, TG_SHAPE(1, ode->size)), TG_SHAPE(s.first, ode->size));
    if (n > 0 && !plan(&s, n, steps, count, times)) parts[1] = record_loops(&s, count - s.first);
    free(s.number[T]);
    free(s.moves);
    free(s.place);
    for (int i = 0; i < shape.rank; i++)
        all.dims[i + 1] = shape.dims[i];
    return tg_reshape(n > 0 ? tg_concat(tg_list_from(2, parts), 0) : parts[0], all);
}
