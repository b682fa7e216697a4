/* io/progress.c: a line that says how far a training is.
 *
 * The line is made of pieces, and those that the terminal has no room for are left out: a line that wraps could not be written over.
 * The clock starts with the first step that is done, for nobody knows when that one began: speeds count the steps after it, and those
 * alone, so that a training that goes on from another one has the right ones too.
 *
 * SPDX-License-Identifier: MIT */
#include "io/progress.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "io/system.h"

/* The seconds between two lines; the columns of a terminal that does not say how many it has; the longest line. */
static const double interval = 0.1;
enum { USUAL_WIDTH = 80, LONGEST = 200 };

typedef struct line {
    char text[LONGEST + 1];
    int  length, room;
} line;

static FILE *file_of(const tg_progress *p) {
    return p->file ? p->file : stderr;
}

/* ---- the pieces -------------------------------------------------------------------------------------------------- */

/* Appends a piece if it fits; else there is no room for those after it either. */
static void add(line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(line *l, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(l->text + l->length, (size_t)(l->room - l->length) + 1, format, arguments);
    va_end(arguments);
    if (length >= 0 && length <= l->room - l->length)
        l->length += length;
    else
        l->room = l->length;
    l->text[l->length] = 0;
}

static void add_position(line *l, const tg_progress *p) {
    int64_t steps = p->steps > 0 ? p->steps : 1, epoch = (p->done - 1) / steps + 1;
    add(l, p->steps > 0 || p->epochs > 0 ? "epoch" : "step");
    add(l, " %lld", (long long)epoch);
    if (p->epochs > 0) add(l, "/%lld", (long long)p->epochs);
    if (p->steps > 0) add(l, ", step %lld/%lld", (long long)((p->done - 1) % steps + 1), (long long)steps);
}

static void add_speed(line *l, const tg_progress *p, double speed) {
    double      shown = p->samples > 0 ? speed * (double)p->samples : speed;
    const char *what = p->samples > 0 ? "samples" : "steps";
    add(l, ", %.*f %s/s", shown < 10 ? 2 : shown < 100 ? 1 : 0, shown, what);
}

static void add_duration(line *l, const char *before, double seconds, const char *after) {
    if (!(seconds < 1e9)) return; /* thirty years */
    long long s = llround(seconds);
    if (s < 3600)
        add(l, "%s%lld:%02lld%s", before, s / 60, s % 60, after);
    else
        add(l, "%s%lld:%02lld:%02lld%s", before, s / 3600, s / 60 % 60, s % 60, after);
}

/* ---- the line ---------------------------------------------------------------------------------------------------- */

/* One column less than there are: some terminals wrap when the last one is written. */
static int find_room(FILE *file) {
    int width = tgi_terminal_width(file);
    if (width <= 0) width = USUAL_WIDTH;
    return width - 1 < LONGEST ? width - 1 : LONGEST;
}

static void show(tg_progress *p, double now, bool last) {
    FILE  *file = file_of(p);
    line   l = {.room = find_room(file)};
    double elapsed = now - p->state.start, done = (double)(p->done - p->state.first);
    double all = (double)p->epochs * (double)(p->steps > 0 ? p->steps : 1), left = all - (double)p->done;
    add_position(&l, p);
    add(&l, ": loss %.4g", p->state.loss);
    if (!isnan(p->state.rate)) add(&l, ", rate %.3g", p->state.rate);
    if (done > 0 && elapsed > 0) {
        add_speed(&l, p, done / elapsed);
        if (last)
            add_duration(&l, ", ", elapsed, "");
        else if (p->epochs > 0 && left >= 0)
            add_duration(&l, ", ", left * elapsed / done, " left");
    }
    int rest = p->state.length - l.length; /* of the line before */
    fprintf(file, "\r%s%*s", l.text, rest > 0 ? rest : 0, "");
    fflush(file);
    p->state.length = l.length;
    p->state.shown = now;
}

void tgi_progress_step_at(tg_progress *p, double loss, double rate, double now) {
    if (!p->state.begun) {
        p->state.begun = true;
        p->state.wanted = p->always || isatty(fileno(file_of(p)));
        p->state.first = p->done + 1;
        p->state.start = now;
        p->state.shown = -INFINITY;
    }
    p->done++;
    p->state.loss = loss;
    p->state.rate = rate;
    if (p->state.wanted && now - p->state.shown >= interval) show(p, now, false);
}

void tgi_progress_end_at(tg_progress *p, double now) {
    if (p->state.begun && p->state.wanted) {
        show(p, now, true);
        fputc('\n', file_of(p));
        fflush(file_of(p));
    }
    memset(&p->state, 0, sizeof p->state);
}

/* ---- the clock --------------------------------------------------------------------------------------------------- */

static double seconds(void) {
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void tg_progress_step(tg_progress *progress, double loss, double rate) {
    if (progress) tgi_progress_step_at(progress, loss, rate, seconds());
}

void tg_progress_end(tg_progress *progress) {
    if (progress) tgi_progress_end_at(progress, seconds());
}
