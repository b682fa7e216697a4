/* tests/inspect/test_dot.c: the tape as a graph: its nodes and edges, and that the real dot, where there is one, takes it.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* What tg_write_dot writes. Valid until the next call. */
static const char *graph(tg_tape *tape) {
    static char text[1 << 18];
    FILE       *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(tg_write_dot(tape, file), TG_OK);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    return text;
}

static int count(const char *text, const char *piece) {
    int found = 0;
    for (const char *at = strstr(text, piece); at; at = strstr(at + 1, piece))
        found++;
    return found;
}

/* The line of a node: "nI [...". Valid until the next call. */
static const char *node_line(const char *text, const char *label) {
    static char line[4096];
    const char *at = strstr(text, label);
    ck_assert_msg(at != NULL, "no node with %s in:\n%s", label, text);
    while (at > text && at[-1] != '\n')
        at--;
    snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
    return line;
}

#define HAS(text, piece) ck_assert_msg(strstr(text, piece) != NULL, "no %s in:\n%s", piece, text)

/* Whether dot reads it without a word: true also where there is no dot. */
static bool dot_takes(tg_tape *tape) {
    if (system("command -v dot >/dev/null 2>&1") != 0) return true;
    FILE *dot = popen("dot -Tsvg -o /dev/null 2>&1 | { ! grep . ; }", "w");
    ck_assert_ptr_nonnull(dot);
    ck_assert_int_eq(tg_write_dot(tape, dot), TG_OK);
    return pclose(dot) == 0;
}

START_TEST(nodes_and_edges) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F32, TG_SHAPE(3, 2));
    tg_tensor w = tg_parameter(tape, "w", tg_full(tape, TG_F32, TG_SHAPE(2, 1), 1));
    tg_tensor y = tg_sub(1, tg_transpose(tg_matmul(x, w), 0, 1));
    CHECK_OK(tape);
    const char *text = graph(tape);
    ck_assert_int_eq(strncmp(text, "digraph tape {\n", 15), 0);
    ck_assert_str_eq(text + strlen(text) - 3, "\n}\n");
    HAS(node_line(text, "<b>input</b> <i>x</i>"), "float32 (3, 2)");
    HAS(node_line(text, "<b>parameter</b> <i>w</i>"), "float32 (2, 1)");
    HAS(node_line(text, "<b>parameter</b> <i>w</i>"), "penwidth=2.5");
    HAS(node_line(text, "<b>matmul</b>"), "float32 (3, 1)");
    HAS(node_line(text, "<b>matmul</b>"), "test_dot.c:");
    HAS(node_line(text, "<b>permute</b>"), "dashed");
    HAS(node_line(text, "<b>sub</b>"), "(1, \xc2\xb7)");
    HAS(text, "  n0 -> n3 [color=\"#2b6ca3\", headlabel=\"1\"]\n");
    HAS(text, "  n2 -> n3 [color=\"#2b6ca3\", headlabel=\"2\"]\n");
    HAS(text, "  n3 -> n4 [color=\"#2b6ca3\"]\n");
    ck_assert_ptr_null(strstr(text, "<b>constant</b>")); /* it has no name, and nothing uses it */
    ck_assert_int_eq(count(text, " -> "), 4);
    ck_assert(dot_takes(tape));
    ck_assert(tg_valid(y));
    tg_tape_free(tape);
}
END_TEST

START_TEST(colours_tell_what_is_what) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 2.0);
    HAS(graph(tape), "label=\"forward\"");
    ck_assert_ptr_null(strstr(graph(tape), "label=\"backward\""));
    tg_backward(tg_exp(tg_sin(w)));
    HAS(graph(tape), "label=\"backward\"");
    ck_assert_ptr_null(strstr(graph(tape), "label=\"update\""));
    tg_sgd_step(tape, 0.1);
    CHECK_OK(tape);
    const char *text = graph(tape);
    HAS(node_line(text, "<b>sin</b>"), "fillcolor=\"#dceaf7\"");
    HAS(node_line(text, "<b>cos</b>"), "fillcolor=\"#fde6cf\"");
    HAS(node_line(text, "<b>cos</b>"), ", gradient of %1 sin\"");
    HAS(node_line(text, "<b>assign</b> <i>w</i>"), "fillcolor=\"#d9f0dc\"");
    HAS(text, "label=\"update\"");
    ck_assert(dot_takes(tape));
    tg_tape_free(tape);
}
END_TEST

START_TEST(every_name_is_drawn) {
    static const char *const names[][2] = {
        {"a<b>&\"c\"", "<i>a&lt;b&gt;&amp;&quot;c&quot;</i>"},
        {"back\\slash\\n", "<i>back\\slash\\n</i>"},
        {"two\nlines", "<i>two\\x0alines</i>"},
        {"bad \xff\xfe", "<i>bad \\xff\\xfe</i>"},
        {"cut \xe2\x82", "<i>cut \\xe2\\x82</i>"},
        {"gr\xc3\xbc\xc3\x9f", "<i>gr\xc3\xbc\xc3\x9f</i>"},
        {"&amp;", "<i>&amp;amp;</i>"},
        {"-->", "<i>--&gt;</i>"},
        {"]; x", "<i>]; x</i>"},
        {" ", "<i> </i>"},
    };
    tg_tape *tape = tg_tape_new();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        tg_parameter(tape, names[i][0], 1.0);
    tg_at(tape, "dir/od\"d<\\>&\n.c", 7);
    (tg_exp)(tg_find(tape, " "));
    tg_at(tape, "dir/od\"d<\\>&\n.c", 7);
    (tg_exp)((tg_parameter_at)(tape, 0));
    CHECK_OK(tape);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        HAS(graph(tape), names[i][1]);
    HAS(graph(tape), ">od&quot;d&lt;\\&gt;&amp;\\x0a.c:7<");
    HAS(graph(tape), "dir/od\\\"d<\\\\>&\\x0a.c:7\"");
    ck_assert(dot_takes(tape));
    tg_tape_free(tape);
}
END_TEST

START_TEST(any_tape_is_drawn) {
    tg_tape *tape = tg_tape_new();
    ck_assert(dot_takes(tape)); /* empty */
    tg_tensor w = tg_parameter(tape, "w", tg_full(tape, TG_F64, TG_SHAPE(2, 0, 3), 1));
    tg_tensor loss = tg_sum(tg_square(w)), grads[2];
    tg_vjp(tape, 1, &loss, NULL, 2, (tg_tensor[]){w, loss}, grads);
    tg_vjp(tape, 1, &grads[0], NULL, 1, &w, &grads[1]);
    ck_assert(dot_takes(tape));
    tg_vjp(tape, 1, &loss, NULL, 1, &loss, grads); /* a number that nothing uses */
    tg_zero_grad(tape);
    ck_assert_ptr_null(strstr(graph(tape), "<b>number</b>"));
    ck_assert(dot_takes(tape));
    CHECK_OK(tape);

    tg_matmul(w, loss); /* a tape with an error */
    char  text[64];
    FILE *file = tmpfile();
    ck_assert_int_eq(tg_write_dot(tape, file), TG_ERR_SHAPE);
    rewind(file);
    ck_assert_ptr_nonnull(fgets(text, sizeof text, file));
    ck_assert_str_eq(text, "digraph tape {\n");
    fclose(file);
    tg_tape_free(tape);
}
END_TEST

START_TEST(streams_that_do_not_take_it) {
    tg_tape *tape = tg_tape_new();
    tg_full(tape, TG_F64, TG_SHAPE(2), 1);
    FAILS(tape, tg_write_dot(tape, NULL), TG_ERR_ARGUMENT, "write_dot: the stream is NULL");
    ck_assert_int_eq(tg_write_dot(NULL, stdout), TG_ERR_HANDLE);
    FILE *full = fopen("/dev/full", "w");
    if (full) {
        FAILS(tape, tg_write_dot(tape, full), TG_ERR_IO, "write_dot: No space left on device");
        fclose(full);
    }
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_dot(void) {
    Suite *suite = suite_create("dot");
    TCase *tcase = tcase_create("graph");
    tcase_add_test(tcase, nodes_and_edges);
    tcase_add_test(tcase, colours_tell_what_is_what);
    tcase_add_test(tcase, every_name_is_drawn);
    tcase_add_test(tcase, any_tape_is_drawn);
    tcase_add_test(tcase, streams_that_do_not_take_it);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return suite;
}
