/* tests/io/test_progress.c: the progress line: what it says at which time, and where it says nothing.
 *
 * Times are given, and never looked up. Where there has to be a terminal, it is a pseudo one of POSIX.
 *
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* posix_openpt */
#include "io/progress.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifndef _WIN32
#include <sys/ioctl.h>
#include <termios.h>
#endif
#include <unistd.h>

#include "files.h"

/* What is written, and how much of it has been looked at. */
typedef struct paper {
    FILE *file;
    long  seen;
} paper;

static void open_paper(paper *p) {
    *p = (paper){.file = tmpfile()};
    ck_assert_ptr_nonnull(p->file);
}

static void close_paper(paper *p) {
    fclose(p->file);
}

/* What has been written since it was last looked at. */
static const char *look(paper *p) {
    static char text[4096];
    fseek(p->file, p->seen, SEEK_SET);
    size_t length = fread(text, 1, sizeof text - 1, p->file);
    text[length] = 0;
    p->seen += (long)length;
    fseek(p->file, 0, SEEK_END); /* to go on writing */
    return text;
}

#define WRITTEN(p, expected) ck_assert_str_eq(look(p), expected)

START_TEST(a_training) {
    paper p;
    open_paper(&p);
    tg_progress progress = {.epochs = 2, .steps = 300, .samples = 64, .file = p.file, .always = true};
    tgi_progress_step_at(&progress, 2.302585, 0.003, 1000);
    WRITTEN(&p, "\repoch 1/2, step 1/300: loss 2.303, rate 0.003");
    tgi_progress_step_at(&progress, 2, 0.003, 1000.05); /* too early */
    tgi_progress_step_at(&progress, 2, 0.003, 1000.09);
    WRITTEN(&p, "");
    for (int i = 4; i <= 300; i++)
        tgi_progress_step_at(&progress, 1, 0.003, 1000.09);
    tgi_progress_step_at(&progress, 0.5, 1e-5, 1010);
    WRITTEN(&p, "\repoch 2/2, step 1/300: loss 0.5, rate 1e-05, 1920 samples/s, 0:10 left");
    for (int i = 2; i <= 300; i++)
        tgi_progress_step_at(&progress, 0.25, 0, 1010.05);
    WRITTEN(&p, "");
    ck_assert_int_eq(progress.done, 600);
    tgi_progress_end_at(&progress, 1020);
    WRITTEN(&p, "\repoch 2/2, step 300/300: loss 0.25, rate 0, 1917 samples/s, 0:20      \n");
    tgi_progress_end_at(&progress, 1030); /* there is nothing to end */
    WRITTEN(&p, "");
    close_paper(&p);
}
END_TEST

START_TEST(what_is_not_known_is_left_out) {
    paper p;
    open_paper(&p);
    tg_progress steps = {.file = p.file, .always = true};
    tgi_progress_step_at(&steps, 1, NAN, 0);
    WRITTEN(&p, "\rstep 1: loss 1");
    tgi_progress_step_at(&steps, NAN, NAN, 4);
    WRITTEN(&p, "\rstep 2: loss nan, 0.25 steps/s");
    tgi_progress_end_at(&steps, 4);
    WRITTEN(&p, "\rstep 2: loss nan, 0.25 steps/s, 0:04\n");

    tg_progress epochs = {.epochs = 3, .file = p.file, .always = true};
    tgi_progress_step_at(&epochs, 1e-10, NAN, 0);
    tgi_progress_step_at(&epochs, 1e10, NAN, 5000);
    WRITTEN(&p, "\repoch 1/3: loss 1e-10\repoch 2/3: loss 1e+10, 0.00 steps/s, 1:23:20 left");

    tg_progress endless = {.steps = 2, .file = p.file, .always = true};
    for (int i = 0; i < 3; i++)
        tgi_progress_step_at(&endless, 1, NAN, i);
    WRITTEN(&p,
            "\repoch 1, step 1/2: loss 1\repoch 1, step 2/2: loss 1, 1.00 steps/s\repoch 2, step 1/2: loss 1, 1.00 steps/s");
    close_paper(&p);
}
END_TEST

/* The speed, and the time left, are those of the steps that are done here. */
START_TEST(a_training_that_goes_on) {
    paper p;
    open_paper(&p);
    tg_progress progress = {.epochs = 10, .steps = 100, .done = 900, .file = p.file, .always = true};
    tgi_progress_step_at(&progress, 1, NAN, 0);
    tgi_progress_step_at(&progress, 1, NAN, 1);
    WRITTEN(&p, "\repoch 10/10, step 1/100: loss 1\repoch 10/10, step 2/100: loss 1, 1.00 steps/s, 1:38 left");
    progress.done = 2000; /* more than there are */
    tgi_progress_step_at(&progress, 1, NAN, 2);
    ck_assert_ptr_null(strstr(look(&p), "left"));
    close_paper(&p);
}
END_TEST

/* A line that is shorter than the one before leaves nothing of that. */
START_TEST(a_shorter_line) {
    paper p;
    open_paper(&p);
    tg_progress progress = {.file = p.file, .always = true};
    tgi_progress_step_at(&progress, 0.1234, 0.0001234, 0);
    tgi_progress_step_at(&progress, 1, NAN, 0.2);
    WRITTEN(&p, "\rstep 1: loss 0.1234, rate 0.000123\rstep 2: loss 1, 5.00 steps/s      ");
    close_paper(&p);
}
END_TEST

START_TEST(where_there_is_no_terminal_nothing_is_written) {
    FILE       *file = tmpfile();
    tg_progress progress = {.file = file};
    for (int i = 0; i < 3; i++)
        tgi_progress_step_at(&progress, 1, 1, i);
    ck_assert_int_eq(progress.done, 3);
    tgi_progress_end_at(&progress, 3);
    tg_progress_step(&progress, 1, 1);
    tg_progress_end(&progress);
    ck_assert_int_eq(ftell(file), 0);
    fclose(file);
    tg_progress_step(NULL, 1, 1);
    tg_progress_end(NULL);
}
END_TEST

/* ---- on a terminal ----------------------------------------------------------------------------------------------- */

#ifndef _WIN32

/* Its two ends; what is written into `file` comes out of `master` as it is. */
typedef struct terminal {
    int   master;
    FILE *file;
} terminal;

/* In a chroot without /dev/pts there are none. */
static bool has_terminals(void) {
    int  master = posix_openpt(O_RDWR | O_NOCTTY);
    bool has = master >= 0 && !grantpt(master) && !unlockpt(master);
    if (master >= 0) close(master);
    if (!has) puts("# progress: no terminals can be opened here");
    return has;
}

static terminal open_terminal(unsigned short columns) {
    terminal       t = {.master = posix_openpt(O_RDWR | O_NOCTTY)};
    struct termios settings;
    ck_assert(t.master >= 0 && !grantpt(t.master) && !unlockpt(t.master));
    int fd = open(ptsname(t.master), O_RDWR | O_NOCTTY);
    ck_assert(fd >= 0 && !tcgetattr(fd, &settings));
    settings.c_oflag &= ~(tcflag_t)OPOST;
    ck_assert(!tcsetattr(fd, TCSANOW, &settings));
    ck_assert(!ioctl(fd, TIOCSWINSZ, &(struct winsize){.ws_row = 24, .ws_col = columns}));
    t.file = fdopen(fd, "w");
    return t;
}

/* All of it comes out, and a mark behind it, to be read to. */
static void check_terminal(terminal t, const char *expected) {
    char   text[4096] = "";
    size_t length = 0;
    fprintf(t.file, "$");
    fflush(t.file);
    while (length < sizeof text - 1 && read(t.master, text + length, 1) == 1 && text[length] != '$')
        length++;
    text[length] = 0;
    ck_assert_str_eq(text, expected);
    fclose(t.file);
    close(t.master);
}

START_TEST(a_terminal_is_written_to) {
    terminal    t = open_terminal(0);
    tg_progress progress = {.epochs = 100, .file = t.file};
    tgi_progress_step_at(&progress, 1, 0.5, 0);
    tgi_progress_step_at(&progress, 0.5, 0.5, 10);
    tgi_progress_end_at(&progress, 11);
    check_terminal(t, "\repoch 1/100: loss 1, rate 0.5\repoch 2/100: loss 0.5, rate 0.5, 0.10 steps/s, 16:20 left"
                      "\repoch 2/100: loss 0.5, rate 0.5, 0.09 steps/s, 0:11      \n");
}
END_TEST

/* Whole pieces are left out, and never a part of one; the last column stays free. */
START_TEST(a_narrow_terminal) {
    static const struct {
        unsigned short columns;
        const char    *expected;
    } cases[] = {
        {58, "\repoch 1/100: loss 1, rate 0.5\repoch 2/100: loss 0.5, rate 0.5, 0.10 steps/s, 16:20 left"},
        {57, "\repoch 1/100: loss 1, rate 0.5\repoch 2/100: loss 0.5, rate 0.5, 0.10 steps/s"},
        {30, "\repoch 1/100: loss 1, rate 0.5\repoch 2/100: loss 0.5        "},
        {12, "\repoch 1/100\repoch 2/100"},
        {1, "\r\r"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        terminal    t = open_terminal(cases[i].columns);
        tg_progress progress = {.epochs = 100, .file = t.file};
        tgi_progress_step_at(&progress, 1, 0.5, 0);
        tgi_progress_step_at(&progress, 0.5, 0.5, 10);
        check_terminal(t, cases[i].expected);
    }
}
END_TEST

#endif

/* By the real clock: two steps at one moment are one line, and the end is another. */
START_TEST(by_the_clock) {
    paper p;
    open_paper(&p);
    tg_progress progress = {.file = p.file, .always = true};
    tg_progress_step(&progress, 1, NAN);
    WRITTEN(&p, "\rstep 1: loss 1");
    tg_progress_end(&progress);
    WRITTEN(&p, "\rstep 1: loss 1\n");
    close_paper(&p);
}
END_TEST

Suite *suite_progress(void) {
    Suite *suite = suite_create("io/progress");
    TCase *tcase = tcase_create("progress");
    tcase_add_test(tcase, a_training);
    tcase_add_test(tcase, what_is_not_known_is_left_out);
    tcase_add_test(tcase, a_training_that_goes_on);
    tcase_add_test(tcase, a_shorter_line);
    tcase_add_test(tcase, where_there_is_no_terminal_nothing_is_written);
    tcase_add_test(tcase, by_the_clock);
#ifndef _WIN32
    if (has_terminals()) {
        tcase_add_test(tcase, a_terminal_is_written_to);
        tcase_add_test(tcase, a_narrow_terminal);
    }
#endif
    suite_add_tcase(suite, tcase);
    return suite;
}
