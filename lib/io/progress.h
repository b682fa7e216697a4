/* io/progress.h: a progress line at a given time, for tests.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_IO_PROGRESS_H
#define TGI_IO_PROGRESS_H

#include <tapegrad/report.h>

/* tg_progress_step and tg_progress_end; `now` is in seconds, from any point in time. */
void tgi_progress_step_at(tg_progress *progress, double loss, double rate, double now);
void tgi_progress_end_at(tg_progress *progress, double now);

#endif
