/* tests/run/test_program.c: random programs of results, views, assigns, reads, writes, runs and rewinds, beside the same
 * programs in their plainest form.
 *
 * SPDX-License-Identifier: MIT */
#include "support.h"

#include <string.h>

/* The same program in its plainest form: each statement has a value of its own, computed in its turn. */
enum { LEAVES = 2, STATEMENTS = 60, ELEMENTS = 4 };

typedef enum action { LEAF, NEGATE, ADD, TRANSPOSE, FLATTEN, ASSIGN } action;

typedef struct statement {
    action    what;
    int       x, y; /* operands: earlier statements */
    double    value[ELEMENTS];
    bool      stale; /* a leaf under it was written since it was computed */
    tg_tensor tensor;
} statement;

typedef struct program {
    tg_tape  *tape;
    statement line[LEAVES + STATEMENTS];
    int       count, done;
    tg_mark   mark;
    int       marked;
    bool      over; /* a value is needed that cannot be had: the tape must have said so */
} program;

static void perform(program *p, statement *s) {
    const double *x = p->line[s->x].value, *y = p->line[s->y].value;
    for (int i = 0; i < ELEMENTS; i++)
        switch (s->what) {
        case LEAF: break;
        case NEGATE: s->value[i] = -x[i]; break;
        case ADD: s->value[i] = x[i] + y[i]; break;
        case TRANSPOSE: s->value[i] = x[i % 2 * 2 + i / 2]; break;
        case FLATTEN: s->value[i] = x[i]; break;
        case ASSIGN: p->line[s->x].value[i] = y[i]; break;
        }
}

static bool reads_y(const statement *s) {
    return s->what == ADD || s->what == ASSIGN;
}

/* What statement s reads, or to overwrite it does not: two, or -1. */
static void operands_of(const statement *s, int operands[2]) {
    operands[0] = s->what == LEAF ? -1 : s->what == ASSIGN ? s->y : s->x;
    operands[1] = reads_y(s) ? s->y : -1;
}

/* Whether an assign that has been performed stands after statement i and overwrites the leaf. */
static bool was_assigned_after(const program *p, int leaf, int i) {
    for (int k = i + 1; k < p->done; k++)
        if (p->line[k].what == ASSIGN && p->line[k].x == leaf && p->line[k].y != leaf) return true;
    return false;
}

/* A value computed before a leaf under it was written is computed again where it is needed, unless an assign has overwritten another
 * of its leaves since. */
static void freshen(program *p, int i) {
    statement *s = &p->line[i];
    int        operands[2];
    if (!s->stale || p->over) return;
    operands_of(s, operands);
    for (int k = 0; k < 2 && operands[k] >= 0; k++) {
        freshen(p, operands[k]);
        p->over |= p->line[operands[k]].what == LEAF && was_assigned_after(p, operands[k], i);
    }
    if (p->over) return;
    perform(p, s);
    s->stale = false;
}

static void perform_until(program *p, int end) {
    for (int i = p->done; i < end; i++) {
        int operands[2];
        operands_of(&p->line[i], operands);
        for (int k = 0; k < 2; k++)
            if (operands[k] >= 0 && operands[k] < p->done) freshen(p, operands[k]);
    }
    while (p->done < end && !p->over)
        perform(p, &p->line[p->done++]);
}

/* A read runs what stands before the value, or before the last assign to a leaf, and on to the next assign. */
static void perform_for(program *p, int i) {
    int end = i < LEAVES ? 0 : i + 1;
    for (int k = 0; k < p->count && i < LEAVES; k++)
        if (p->line[k].what == ASSIGN && p->line[k].x == i) end = k + 1;
    if (end <= p->done) return;
    while (end < p->count && p->line[end].what != ASSIGN)
        end++;
    perform_until(p, end);
}

/* The tape says that it cannot compute a value again: then the program is over. */
static bool is_over(program *p) {
    if (p->over) ck_assert_ptr_nonnull(strstr(tg_error(p->tape), "its value is needed again"));
    if (!p->over) CHECK_OK(p->tape);
    return p->over;
}

static int any_value(const program *p, uint32_t *state) {
    int i;
    do
        i = (int)(next_number(state) % (unsigned)p->count);
    while (p->line[i].what == ASSIGN);
    return i;
}

/* Appends a statement to the program and to the tape. Flattened and back is a view of a view. */
static void append_statement(program *p, uint32_t *state) {
    statement s = {.what = (action)(NEGATE + (int)(next_number(state) % 5)),
                   .x = any_value(p, state),
                   .y = any_value(p, state)};
    if (s.what == ASSIGN) s.x = (int)(next_number(state) % LEAVES);
    tg_tensor x = p->line[s.x].tensor, y = p->line[s.y].tensor;
    switch (s.what) {
    case LEAF: break;
    case NEGATE: s.tensor = tg_neg(x); break;
    case ADD: s.tensor = tg_add(x, y); break;
    case TRANSPOSE: s.tensor = tg_transpose(x, 0, 1); break;
    case FLATTEN: s.tensor = tg_reshape(tg_reshape(x, TG_SHAPE(4)), TG_SHAPE(2, 2)); break;
    case ASSIGN: ck_assert(!tg_assign(x, y)); break;
    }
    p->line[p->count++] = s;
}

static void check_value(program *p, int i, bool data) {
    double room[ELEMENTS];
    perform_for(p, i);
    const void *elements = data ? tg_data(p->line[i].tensor) : room;
    if (!data) tg_read(p->line[i].tensor, room, ELEMENTS);
    bool view = p->line[i].what == TRANSPOSE || p->line[i].what == FLATTEN;
    if (is_over(p) || (view && p->line[i].stale))
        return; /* a view shows its operand's memory, when that is computed again, too */
    memmove(room, elements, sizeof room);
    for (int k = 0; k < ELEMENTS; k++)
        ck_assert_msg(room[k] == p->line[i].value[k], "statement %d: element %d is %g, not %g", i, k, room[k],
                      p->line[i].value[k]);
}

/* What has been computed from the leaf, by way of others too. */
static void mark_stale(program *p, int leaf) {
    for (int i = LEAVES; i < p->done; i++) {
        int operands[2];
        operands_of(&p->line[i], operands);
        for (int k = 0; k < 2 && p->line[i].what != ASSIGN && operands[k] >= 0; k++)
            p->line[i].stale |= operands[k] == leaf || (operands[k] >= LEAVES && p->line[operands[k]].stale);
    }
}

static void write_leaf(program *p, uint32_t *state) {
    int        written = (int)(next_number(state) % LEAVES);
    statement *leaf = &p->line[written];
    for (int i = 0; i < ELEMENTS; i++)
        leaf->value[i] = next_number(state) % 10;
    ck_assert(!tg_write(leaf->tensor, leaf->value, ELEMENTS));
    mark_stale(p, written);
}

static void rewind_program(program *p) {
    int end = p->count;
    while (end > p->done && p->line[end - 1].what != ASSIGN)
        end--;
    perform_until(p, end);
    tg_rewind(p->tape, p->mark);
    if (is_over(p)) return;
    int done = p->done;
    p->count = p->marked;
    if (p->done > p->count) p->done = p->count;
    for (int i = done; i-- > p->count;) /* what a forgotten assign wrote is there, and no order is left */
        if (p->line[i].what == ASSIGN && p->line[i].x != p->line[i].y) mark_stale(p, p->line[i].x);
}

static void set_mark(program *p) {
    p->mark = tg_tape_mark(p->tape);
    p->marked = p->count;
}

static void run_program(program *p) {
    p->done = LEAVES;
    for (int i = 0; i < p->count; i++)
        p->line[i].stale = false;
    perform_until(p, p->count);
    ck_assert(!tg_run(p->tape));
}

static void take_step(program *p, uint32_t *state) {
    switch (next_number(state) % 24) {
    case 0: write_leaf(p, state); break;
    case 1: rewind_program(p); break;
    case 2: set_mark(p); break;
    case 3: run_program(p); break;
    case 4:
    case 5:
    case 6: check_value(p, any_value(p, state), false); break;
    case 7: check_value(p, any_value(p, state), true); break;
    default:
        if (p->count < LEAVES + STATEMENTS) append_statement(p, state);
    }
}

START_TEST(random_programs_mean_what_they_say) {
    for (int trial = 0; trial < 100; trial++) {
        uint32_t state = (uint32_t)(_i * 100 + trial);
        program  p = {.tape = tg_tape_new()};
        for (; p.count < LEAVES; p.count++)
            p.line[p.count].tensor = tg_input(p.tape, NULL, TG_F64, TG_SHAPE(2, 2));
        p.done = LEAVES;
        set_mark(&p);
        for (int step = 0; step < 300 && !p.over; step++)
            take_step(&p, &state);
        for (int i = 0; i < p.count && !p.over; i++)
            if (p.line[i].what != ASSIGN) check_value(&p, i, i % 2);
        tg_tape_free(p.tape);
    }
}
END_TEST

Suite *suite_program(void) {
    Suite *suite = suite_create("run/program");
    TCase *random = tcase_create("random");
    tcase_add_loop_test(random, random_programs_mean_what_they_say, 0, 10);
    suite_add_tcase(suite, random);
    return suite;
}
