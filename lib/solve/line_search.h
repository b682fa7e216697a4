/* solve/line_search.h: a step along a direction, for the strong conditions of Wolfe.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_SOLVE_LINE_SEARCH_H
#define TGI_SOLVE_LINE_SEARCH_H

#include <stdbool.h>

/* A step, and value and slope there. */
typedef struct tgi_trial {
    double step, value, slope;
} tgi_trial;

typedef struct tgi_line_search {
    double    value, slope;  /* where the line begins */
    double    noise;         /* what values may be off by */
    double    step, longest; /* the step to try; the longest that may be */
    tgi_trial best, other;   /* ends of an interval with a good step, once one is known: then it is bracketed */
    bool      bracketed, reached;
    double    width, width_before;
    int       trials;
} tgi_line_search;

typedef enum tgi_search_state { TGI_SEARCH_ON, TGI_SEARCH_DONE, TGI_SEARCH_FAILED } tgi_search_state;

/* Begins with the step that will be tried first; the slope is negative. */
tgi_line_search tgi_begin_search(double value, double slope, double noise, double step, double longest);

/* Value and slope at search->step; where it goes on, that is the next one. Where it fails, that is the best step that is known, 0 if
 * there is none. */
tgi_search_state tgi_search(tgi_line_search *search, double value, double slope);

/* The same where there is no value: the step was too long. */
tgi_search_state tgi_search_nearer(tgi_line_search *search);

#endif
