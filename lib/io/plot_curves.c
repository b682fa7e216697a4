/* io/plot_curves.c: curves through points, of numbers or of a file of metrics.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad/report.h>

#include "io/csv.h"
#include "io/gnuplot.h"
#include "io/input.h"
#include "io/metrics.h"

enum { WIDTH = 640, HEIGHT = 400, MOST_MARKED = 60 }; /* pixels; points that are marked as such */

tg_curve_list tg_curve_list_from(int count, const tg_curve *items) {
    return (tg_curve_list){count, items};
}

/* ---- points ------------------------------------------------------------------------------------------------------ */

static double x_of(const tg_curve *curve, int64_t i) {
    return curve->x ? curve->x[i] : (double)i + 1;
}

/* y, or NaN where there is nothing to draw. */
static double y_of(const tg_curve *curve, int64_t i, const tg_curves_options *o) {
    double y = curve->y[i];
    return isfinite(x_of(curve, i)) && isfinite(y) && (!o->log_scale || y > 0) ? y : NAN;
}

static int64_t count_points(const tg_curve *curve, const tg_curves_options *o) {
    int64_t count = 0;
    for (int64_t i = 0; i < curve->count; i++)
        count += !isnan(y_of(curve, i, o));
    return count;
}

static tg_status check_curves(tg_curve_list curves, const tg_curves_options *o, tgi_failure *failure) {
    int64_t points = 0, all = 0;
    for (int i = 0; i < curves.count; i++) {
        const tg_curve *curve = &curves.items[i];
        if (curve->count < 0 || (curve->count > 0 && !curve->y))
            return tgi_failed(failure, TG_ERR_ARGUMENT, "curve %d has %lld points at NULL", i, (long long)curve->count);
        points += count_points(curve, o);
        all += curve->count;
    }
    if (points > 0) return TG_OK;
    if (all == 0) return tgi_failed(failure, TG_ERR_VALUE, "there is nothing to draw: no points");
    return tgi_failed(failure, TG_ERR_VALUE, "there is nothing to draw: of %lld points none is %s", (long long)all,
                      o->log_scale ? "finite and above 0" : "finite");
}

/* ---- the picture ------------------------------------------------------------------------------------------------- */

static void write_text(const tgi_plot *plot, const char *command, const char *text, const char *otherwise) {
    fprintf(plot->script, "%s ", command);
    tgi_plot_text(plot, text ? text : otherwise);
    fputc('\n', plot->script);
}

static void write_axes(const tgi_plot *plot, const tg_curves_options *o) {
    write_text(plot, "set title", o->title, "Loss");
    write_text(plot, "set xlabel", o->x_label, "step");
    write_text(plot, "set ylabel", o->y_label, "loss");
    fprintf(plot->script,
            "set border 3 linecolor rgb '#606060'\n"
            "set tics nomirror out scale 0.5\n"
            "set grid linecolor rgb '#dddddd' linetype 1\n"
            "set key top right\n"
            "set autoscale xfix\n"
            "set offsets graph 0.02, graph 0.02, 0, 0\n"
            "%s",
            o->log_scale ? "set logscale y\n" : "");
}

/* The points of curve i as gnuplot's $ci. */
static void write_points(const tgi_plot *plot, int i, const tg_curve *curve, const tg_curves_options *o) {
    fprintf(plot->script, "$c%d << END\n", i);
    for (int64_t k = 0; k < curve->count; k++) {
        double y = y_of(curve, k, o);
        tgi_plot_number(plot, isnan(y) ? NAN : x_of(curve, k));
        fputc(' ', plot->script);
        tgi_plot_number(plot, y);
        fputc('\n', plot->script);
    }
    fprintf(plot->script, "END\n");
}

/* Few points are marked: one that stands between two that are missing would not be seen otherwise. */
static void write_curves(const tgi_plot *plot, tg_curve_list curves, const tg_curves_options *o) {
    /* Colours that people tell apart who see few: M. Okabe and K. Ito, Color Universal Design (2008). */
    static const char *const colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"};
    const char              *before = "plot";
    for (int i = 0; i < curves.count; i++) {
        const tg_curve *curve = &curves.items[i];
        int64_t         points = count_points(curve, o);
        if (points == 0) continue;
        fprintf(plot->script, "%s $c%d using 1:2 with %s linewidth 2 linecolor rgb '%s' %s ", before, i,
                points <= MOST_MARKED ? "linespoints pointtype 7 pointsize 0.4" : "lines",
                colours[(size_t)i % (sizeof colours / sizeof *colours)], curve->name ? "title" : "notitle");
        if (curve->name) tgi_plot_text(plot, curve->name);
        before = ",";
    }
    fputc('\n', plot->script);
}

static tg_status draw_curves(tg_curve_list curves, const tg_curves_options *o, tgi_failure *failure) {
    tgi_plot plot;
    if (check_curves(curves, o, failure)) return failure->status;
    if (!tgi_begin_plot(&plot, WIDTH, HEIGHT, failure)) {
        write_axes(&plot, o);
        for (int i = 0; i < curves.count; i++)
            write_points(&plot, i, &curves.items[i], o);
        write_curves(&plot, curves, o);
    }
    return tgi_end_plot(&plot, failure);
}

tg_status(tg_plot_curves)(tg_tape *tape, const char *path, tg_curve_list curves, const tg_curves_options *options) {
    if (tg_error_status(tape)) return tg_error_status(tape);
    tgi_failure       failure = {.path = path};
    tg_scope          scope = tg_begin_scope(tape, "plot_curves");
    tg_curves_options o = options ? *options : (tg_curves_options){0};
    draw_curves(curves, &o, &failure);
    return tgi_end_status(scope, &failure);
}

/* ---- of a file of metrics ---------------------------------------------------------------------------------------- */

typedef struct table {
    double   *rows;
    tg_shape  shape;   /* of rows */
    double   *columns; /* the same numbers, column by column */
    char     *header;  /* the first line of the file */
    char     *names;   /* of the curves, one after another */
    tg_curve *curves;
    int       count;
} table;

/* Reads the first line, as a text. */
static tg_status read_header(table *t, tgi_failure *failure) {
    tgi_input_file input;
    if (tgi_open_input(&input, true, failure)) return failure->status;
    size_t length = 0;
    while (length < input.size && !strchr("\r\n", input.bytes[length]))
        length++;
    t->header = malloc(length + 1);
    if (t->header) {
        memcpy(t->header, input.bytes, length);
        t->header[length] = 0;
    }
    tgi_close_input(&input);
    return t->header ? TG_OK : tgi_failed_memory(failure);
}

static tg_status read_table(table *t, tgi_failure *failure) {
    void *elements;
    tgi_read_csv(TG_F64, &(tg_csv_options){.header = true}, &elements, &t->shape, failure);
    t->rows = elements;
    if (failure->status || read_header(t, failure)) return failure->status;
    int64_t rows = t->shape.dims[0], columns = t->shape.dims[1];
    t->columns = malloc((size_t)(rows * columns + 1) * sizeof *t->columns);
    if (!t->columns) return tgi_failed_memory(failure);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            t->columns[j * rows + i] = t->rows[i * columns + j];
    return TG_OK;
}

/* The number of the column of that name; -1 if there is none. */
static int find_column(const char *header, tgi_column_name wanted) {
    tgi_column_name name;
    const char     *at = header, *stop = header + strlen(header);
    for (int i = 0; tgi_next_column(&at, stop, &name); i++)
        if (tgi_same_column(name, wanted)) return i;
    return -1;
}

/* One curve for each name. In the list of them, which is a copy, each becomes a text of its own. */
static tg_status choose_curves(table *t, tgi_failure *failure) {
    tgi_column_name name;
    const char     *at = t->names, *stop = at + strlen(at);
    for (; tgi_next_column(&at, stop, &name); t->count++) {
        int column = find_column(t->header, name);
        if (column < 0) return tgi_failed(failure, TG_ERR_NAME, "there is no column '%.*s'", name.length, name.text);
        if (t->shape.dims[0] > 0 && column >= t->shape.dims[1])
            return tgi_failed(failure, TG_ERR_IO, "line 1: there are more names than the %lld columns",
                              (long long)t->shape.dims[1]);
        t->names[name.text - t->names + name.length] = 0;
        t->curves[t->count] = (tg_curve){name.text, t->shape.dims[0], t->columns + column * t->shape.dims[0], t->columns};
    }
    return TG_OK;
}

/* The columns that are asked for, or all but the first. The name of that one becomes a text too. */
static tg_status choose_columns(table *t, const char *columns, tgi_failure *failure) {
    tgi_column_name first, name;
    const char     *others = t->header, *stop = others + strlen(others);
    int             count = 1;
    tgi_next_column(&others, stop, &first);
    const char *list = columns ? columns : others ? others : "";
    for (const char *at = list; tgi_next_column(&at, list + strlen(list), &name);)
        count++;
    t->names = malloc(strlen(list) + 1);
    t->curves = malloc((size_t)count * sizeof *t->curves);
    if (!t->names || !t->curves) return tgi_failed_memory(failure);
    strcpy(t->names, list);
    if (*list) choose_curves(t, failure);
    memmove(t->header, first.text, (size_t)first.length);
    t->header[first.length] = 0;
    return failure->status;
}

static void free_table(table *t) {
    free(t->rows);
    free(t->columns);
    free(t->header);
    free(t->names);
    free(t->curves);
}

tg_status(tg_plot_metrics)(tg_tape *tape, const char *path, const char *metrics, const char *columns,
                           const tg_curves_options *options) {
    if (tg_error_status(tape)) return tg_error_status(tape);
    tgi_failure       failure = {.path = path}, reading = {.path = metrics};
    tg_scope          scope = tg_begin_scope(tape, "plot_metrics");
    tg_curves_options o = options ? *options : (tg_curves_options){0};
    table             t = {0};
    if (!read_table(&t, &reading) && !choose_columns(&t, columns, &reading)) {
        if (!o.x_label) o.x_label = t.header;
        draw_curves((tg_curve_list){t.count, t.curves}, &o, &failure);
    }
    free_table(&t);
    return tgi_end_status(scope, reading.status ? &reading : &failure);
}
