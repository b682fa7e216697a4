/* run/extend_kernel.c: threads for kernels, whoever wrote them.
 *
 * SPDX-License-Identifier: MIT */
#include "core/tape.h"
#include "kernels/threads.h"

/* Fewer steps than this are not worth waking a thread for; as in run/run_group.c. */
enum { WORTH_A_THREAD = 1 << 16 };

int tg_kernel_threads(const tg_kernel_call *call) {
    return tgi_team_size(tgi_team_of(call));
}

int tg_share_count(const tg_kernel_call *call, int64_t units, double steps) {
    return tgi_shares_of(tg_kernel_threads(call), units, steps * (double)units, WORTH_A_THREAD);
}

void tg_share_out(const tg_kernel_call *call, int shares, int64_t units, tg_units *work, const void *job) {
    tgi_share_out(tgi_team_of(call), shares, units, work, job);
}
