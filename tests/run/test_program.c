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
    tg_tensor tensor;
} statement;

typedef struct program {
    tg_tape  *tape;
    statement line[LEAVES + STATEMENTS];
    int       count, done;
    tg_mark   mark;
    int       marked;
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

static void perform_until(program *p, int end) {
    while (p->done < end)
        perform(p, &p->line[p->done++]);
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
    perform_until(p, p->count);
    if (data)
        memcpy(room, tg_data(p->line[i].tensor), sizeof room);
    else
        tg_read(p->line[i].tensor, room, ELEMENTS);
    CHECK_OK(p->tape);
    for (int k = 0; k < ELEMENTS; k++)
        ck_assert_msg(room[k] == p->line[i].value[k], "statement %d: element %d is %g, not %g", i, k, room[k],
                      p->line[i].value[k]);
}

static void write_leaf(program *p, uint32_t *state) {
    statement *leaf = &p->line[next_number(state) % LEAVES];
    for (int i = 0; i < ELEMENTS; i++)
        leaf->value[i] = next_number(state) % 10;
    ck_assert(!tg_write(leaf->tensor, leaf->value, ELEMENTS));
}

static void rewind_program(program *p) {
    int end = p->count;
    while (end > p->done && p->line[end - 1].what != ASSIGN)
        end--;
    perform_until(p, end);
    p->count = p->marked;
    if (p->done > p->count) p->done = p->count;
    ck_assert(!tg_rewind(p->tape, p->mark));
}

static void set_mark(program *p) {
    p->mark = tg_tape_mark(p->tape);
    p->marked = p->count;
}

static void take_step(program *p, uint32_t *state) {
    switch (next_number(state) % 24) {
    case 0: write_leaf(p, state); break;
    case 1: rewind_program(p); break;
    case 2: set_mark(p); break;
    case 3: p->done = LEAVES, ck_assert(!tg_run(p->tape)), perform_until(p, p->count); break;
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
        for (int step = 0; step < 300; step++)
            take_step(&p, &state);
        for (int i = 0; i < p.count; i++)
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
