/* io/plot_grid.c: pictures of numbers that stand in a grid: which class is taken for which, and images.
 *
 * gnuplot draws both as one image. Its formats, and those who show them, smooth an image that they enlarge; so where a picture is to have
 * square pixels, each of its own is several of the image's, and the image is drawn as large as it is.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <tapegrad/extend.h>
#include <tapegrad/report.h>

#include "io/gnuplot.h"

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* The elements of a tensor, of any dtype. */
typedef struct numbers {
    const void *elements;
    tg_dtype    dtype;
    tg_shape    shape;
    int64_t     count;
} numbers;

static double number_at(const numbers *n, int64_t i) {
    switch (n->dtype) {
    case TG_F32: return (double)((const float *)n->elements)[i];
    case TG_F64: return ((const double *)n->elements)[i];
    case TG_I64: return (double)((const int64_t *)n->elements)[i];
    default: return ((const bool *)n->elements)[i];
    }
}

/* Looks at the tensor, whose shape is to be one of `rank` axes like that of `example`. */
static tg_status read_numbers(tg_tensor x, int rank, const char *example, numbers *n, tgi_failure *failure) {
    char text[TG_SHAPE_TEXT];
    n->shape = tg_shape_of(x);
    n->dtype = tg_dtype_of(x);
    n->count = tg_size(x);
    if (n->shape.rank != rank)
        return tgi_failed(failure, TG_ERR_SHAPE, "a shape like %s is drawn, not %s", example, tg_shape_text(text, n->shape));
    if (n->count == 0)
        return tgi_failed(failure, TG_ERR_VALUE, "there is nothing to draw: the shape is %s", tg_shape_text(text, n->shape));
    n->elements = (tg_data)(x);
    return n->elements ? TG_OK : tg_error_status(tg_tape_of(x));
}

/* The smallest and the largest that are finite. */
static tg_status find_range(const numbers *n, double *low, double *high, tgi_failure *failure) {
    *low = INFINITY;
    *high = -INFINITY;
    for (int64_t i = 0; i < n->count; i++) {
        double x = number_at(n, i);
        if (!isfinite(x)) continue;
        if (x < *low) *low = x;
        if (x > *high) *high = x;
    }
    if (*low <= *high) return TG_OK;
    return tgi_failed(failure, TG_ERR_VALUE, "there is nothing to draw: of %lld numbers none is finite", (long long)n->count);
}

/* ---- drawing a tensor -------------------------------------------------------------------------------------------- */

/* Draws x, with options of the function's own. */
typedef tg_status drawing(tg_tensor x, const void *options, tgi_failure *failure);

static tg_status draw(const char *name, tg_tensor x, const char *path, drawing *function, const void *options) {
    tg_tape *tape = tg_tape_of(x);
    if (tg_error_status(tape)) return tg_error_status(tape);
    tgi_failure failure = {.path = path};
    tg_scope    scope = tg_begin_scope(tape, name);
    if (!tg_check_tensor(tape, name, "the tensor", x)) function(x, options, &failure);
    return tgi_end_status(scope, &failure);
}

/* ---- which class is taken for which ------------------------------------------------------------------------------ */

enum { CELL = 36, MARGIN = 130, MOST_CLASSES = 400, SHORT_NAME = 4 }; /* pixels; characters */

static bool are_whole(const numbers *n) {
    for (int64_t i = 0; i < n->count; i++)
        if (!isfinite(number_at(n, i)) || rint(number_at(n, i)) != number_at(n, i)) return false;
    return true;
}

static void write_confusion_title(const tgi_plot *plot, const numbers *n, const char *title) {
    char    text[100] = "Confusion matrix";
    double  right = 0, all = 0;
    int64_t k = n->shape.dims[0];
    for (int64_t i = 0; i < n->count; i++) {
        all += number_at(n, i);
        if (i / k == i % k) right += number_at(n, i);
    }
    if (are_whole(n)) snprintf(text, sizeof text, "Confusion matrix: %.0f of %.0f right", right, all);
    fprintf(plot->script, "set title ");
    tgi_plot_text(plot, title ? title : text);
    fputc('\n', plot->script);
}

/* The names of the classes along an axis; those along x stand aslant where one of them is long. */
static void write_classes(const tgi_plot *plot, const char *axis, int64_t k, const char *const *classes) {
    bool is_long = false;
    for (int64_t i = 0; i < k && classes; i++)
        is_long = is_long || (classes[i] && strlen(classes[i]) > SHORT_NAME);
    fprintf(plot->script, "set %stics %s (", axis, is_long && *axis == 'x' ? "rotate by 40 right" : "");
    for (int64_t i = 0; i < k; i++) {
        char number[24];
        snprintf(number, sizeof number, "%" PRId64, i);
        tgi_plot_text(plot, classes && classes[i] ? classes[i] : number);
        fprintf(plot->script, " %" PRId64 "%s", i, i + 1 < k ? "," : ")\n");
    }
}

/* A line for each cell: where, how much, the text, and its colour, which is to be seen on that of the cell. */
static void write_cells(const tgi_plot *plot, const numbers *n, double high) {
    int64_t k = n->shape.dims[0];
    int     digits = are_whole(n) ? 0 : 2;
    fprintf(plot->script, "$cells << END\n");
    for (int64_t i = 0; i < n->count; i++) {
        double x = number_at(n, i);
        if (!isfinite(x)) continue;
        int colour = x > 0.55 * high ? 0xffffff : fabs(x) > 0 ? 0x303030 : 0xb0b0b0;
        fprintf(plot->script, "%" PRId64 " %" PRId64 " %.9g %.*f %d\n", i % k, i / k, x, digits, x, colour);
    }
    fprintf(plot->script, "END\n");
}

static void write_confusion(const tgi_plot *plot, const numbers *n, double high, const tg_confusion_options *o) {
    int64_t k = n->shape.dims[0];
    write_confusion_title(plot, n, o->title);
    fprintf(plot->script,
            "set xlabel 'predicted'\nset ylabel 'true'\n"
            "set xrange [-0.5:%" PRId64 ".5]\nset yrange [%" PRId64 ".5:-0.5]\nset size ratio -1\n"
            "set border linecolor rgb '#606060'\nset tics scale 0\n"
            "set palette defined (0 '#f7fbff', 0.5 '#6baed6', 1 '#08519c')\nset cbrange [0:%.9g]\n"
            "unset colorbox\nunset key\n",
            k - 1, k - 1, high);
    write_classes(plot, "x", k, o->classes);
    write_classes(plot, "y", k, o->classes);
    write_cells(plot, n, high);
    fprintf(plot->script, "plot $cells using 1:2:(0.5):(0.5):3 with boxxyerror fillstyle solid noborder fillcolor palette, "
                          "$cells using 1:2:4:5 with labels textcolor rgb variable\n");
}

static tg_status draw_confusion(tg_tensor counts, const void *options, tgi_failure *failure) {
    const tg_confusion_options *o = options;
    numbers                     n;
    double                      low, high;
    tgi_plot                    plot;
    char                        text[TG_SHAPE_TEXT];
    if (read_numbers(counts, 2, "(k, k)", &n, failure) || find_range(&n, &low, &high, failure)) return failure->status;
    int64_t k = n.shape.dims[0];
    if (n.shape.dims[1] != k)
        return tgi_failed(failure, TG_ERR_SHAPE, "a shape like (k, k) is drawn, not %s", tg_shape_text(text, n.shape));
    if (k > MOST_CLASSES) return tgi_failed(failure, TG_ERR_SHAPE, "%" PRId64 " classes are more than a picture shows", k);
    int size = (int)k * CELL + MARGIN;
    if (!tgi_begin_plot(&plot, size, size, failure)) write_confusion(&plot, &n, high > 0 ? high : 1, o);
    return tgi_end_plot(&plot, failure);
}

tg_status(tg_plot_confusion)(tg_tensor counts, const char *path, const tg_confusion_options *options) {
    tg_confusion_options o = options ? *options : (tg_confusion_options){0};
    return draw("plot_confusion", counts, path, draw_confusion, &o);
}

/* ---- images ------------------------------------------------------------------------------------------------------ */

/* In pixels: between two tiles, around all of them, the height of a line and the width of a letter of text; what the image is to be about
 * as large as; what it may be. */
enum { GAP = 4, EDGE = 10, LINE = 18, LETTER = 8, USUAL_WIDTH = 600, USUAL_HEIGHT = 450, MOST_PIXELS = 8192, MOST_SCALE = 8 };

/* How the tiles lie. */
typedef struct grid {
    int64_t n, tile_height, tile_width;
    int64_t columns, rows, scale; /* so many pixels along an image's one */
    int64_t width, height;        /* of all */
    int64_t left, top;            /* how much there is before it */
    double  low, high;
} grid;

static int64_t clamp(int64_t x, int64_t low, int64_t high) {
    return x < low ? low : x > high ? high : x;
}

static int64_t square_root_up(int64_t n) {
    int64_t root = (int64_t)sqrt((double)n);
    return root * root < n ? root + 1 : root;
}

/* What stands to the left of the image and above it. */
static void find_margins(grid *g, const tg_images_options *o) {
    size_t longest = 0;
    for (int64_t i = 0; o->rows && i < g->rows; i++)
        if (o->rows[i] && strlen(o->rows[i]) > longest) longest = strlen(o->rows[i]);
    g->left = EDGE + (int64_t)clamp((int64_t)longest, 0, 100) * LETTER;
    g->top = 2 * LINE;
    for (const char *c = o->title; c && *c; c++)
        if (*c == '\n') g->top += LINE;
}

static tg_status lay_out(grid *g, const numbers *n, const tg_images_options *o, tgi_failure *failure) {
    *g = (grid){.n = n->shape.dims[0],
                .tile_height = n->shape.dims[1],
                .tile_width = n->shape.dims[2],
                .low = o->low,
                .high = o->high};
    if (o->columns < 0) return tgi_failed(failure, TG_ERR_ARGUMENT, "%" PRId64 " tiles cannot stand in a row", o->columns);
    g->columns = clamp(o->columns ? o->columns : square_root_up(g->n), 1, g->n);
    g->rows = (g->n - 1) / g->columns + 1;
    if (g->columns > MOST_PIXELS || g->rows > MOST_PIXELS || g->tile_width > MOST_PIXELS || g->tile_height > MOST_PIXELS ||
        g->columns * (g->tile_width + GAP) > MOST_PIXELS || g->rows * (g->tile_height + GAP) > MOST_PIXELS)
        return tgi_failed(failure, TG_ERR_SHAPE,
                          "%" PRId64 " x %" PRId64 " images of %" PRId64 " x %" PRId64 " are more than a picture shows",
                          g->rows, g->columns, g->tile_height, g->tile_width);
    int64_t across = USUAL_WIDTH / (g->columns * g->tile_width), down = USUAL_HEIGHT / (g->rows * g->tile_height);
    g->scale = clamp(across < down ? across : down, 1, MOST_SCALE);
    g->width = g->columns * (g->tile_width * g->scale + GAP) - GAP;
    g->height = g->rows * (g->tile_height * g->scale + GAP) - GAP;
    find_margins(g, o);
    return TG_OK;
}

static tg_status choose_range(grid *g, const numbers *n, tgi_failure *failure) {
    double low, high;
    if (find_range(n, &low, &high, failure)) return failure->status;
    if (g->low == 0 && g->high == 0) {
        g->low = low;
        g->high = high > low ? high : low + 1;
        return TG_OK;
    }
    if (isfinite(g->low) && isfinite(g->high) && g->low < g->high) return TG_OK;
    return tgi_failed(failure, TG_ERR_ARGUMENT, "black is %g, white is %g", g->low, g->high);
}

/* Halves do not overflow. */
static int grey(const grid *g, double x) {
    return (int)lround(fmin(fmax(255 * ((x / 2 - g->low / 2) / (g->high / 2 - g->low / 2)), 0), 255));
}

/* The number that the image's pixel shows: NaN between the tiles. */
static double pixel_at(const grid *g, const numbers *n, int64_t y, int64_t x) {
    int64_t across = g->tile_width * g->scale + GAP, down = g->tile_height * g->scale + GAP;
    int64_t tile = y / down * g->columns + x / across, row = y % down / g->scale, column = x % across / g->scale;
    if (tile >= g->n || row >= g->tile_height || column >= g->tile_width) return NAN;
    return number_at(n, (tile * g->tile_height + row) * g->tile_width + column);
}

static void write_pixels(const tgi_plot *plot, const grid *g, const numbers *n) {
    fprintf(plot->script, "$pixels << END\n");
    for (int64_t y = 0; y < g->height; y++) {
        for (int64_t x = 0; x < g->width; x++) {
            double value = pixel_at(g, n, y, x);
            if (isfinite(value))
                fprintf(plot->script, "%d ", grey(g, value));
            else
                fprintf(plot->script, "NaN ");
        }
        fputc('\n', plot->script);
    }
    fprintf(plot->script, "END\n");
}

/* The names of the rows, in the middle of each. */
static void write_rows(const tgi_plot *plot, const grid *g, const char *const *rows) {
    int64_t down = g->tile_height * g->scale + GAP;
    fprintf(plot->script, "set ytics scale 0 (");
    for (int64_t i = 0; i < g->rows; i++) {
        tgi_plot_text(plot, rows && rows[i] ? rows[i] : "");
        fprintf(plot->script, " %" PRId64 "%s", i * down + (down - GAP) / 2, i + 1 < g->rows ? "," : ")\n");
    }
}

static void write_images(const tgi_plot *plot, const grid *g, const numbers *n, const tg_images_options *o) {
    char   text[120];
    double width = (double)(g->left + g->width + EDGE), height = (double)(g->top + g->height + EDGE);
    snprintf(text, sizeof text, "%" PRId64 " images of %" PRId64 " x %" PRId64, g->n, g->tile_height, g->tile_width);
    fprintf(plot->script, "set title ");
    tgi_plot_text(plot, o->title ? o->title : text);
    fprintf(plot->script,
            "\nset lmargin at screen %.9g\nset rmargin at screen %.9g\nset bmargin at screen %.9g\nset tmargin at screen %.9g\n"
            "set xrange [-0.5:%" PRId64 ".5]\nset yrange [%" PRId64 ".5:-0.5]\n"
            "unset border\nunset xtics\nunset key\nset palette gray\nset cbrange [0:255]\nunset colorbox\n",
            (double)g->left / width, (double)(g->left + g->width) / width, (double)EDGE / height,
            (double)(EDGE + g->height) / height, g->width - 1, g->height - 1);
    write_rows(plot, g, o->rows);
    write_pixels(plot, g, n);
    fprintf(plot->script, "plot $pixels matrix with image\n");
}

static tg_status draw_images(tg_tensor images, const void *options, tgi_failure *failure) {
    const tg_images_options *o = options;
    numbers                  n;
    grid                     g;
    tgi_plot                 plot;
    if (read_numbers(images, 3, "(n, height, width)", &n, failure) || lay_out(&g, &n, o, failure) ||
        choose_range(&g, &n, failure))
        return failure->status;
    int width = (int)(g.left + g.width + EDGE), height = (int)(g.top + g.height + EDGE);
    if (!tgi_begin_plot(&plot, width, height, failure)) write_images(&plot, &g, &n, o);
    return tgi_end_plot(&plot, failure);
}

tg_status(tg_plot_images)(tg_tensor images, const char *path, const tg_images_options *options) {
    tg_images_options o = options ? *options : (tg_images_options){0};
    return draw("plot_images", images, path, draw_images, &o);
}
