/* grad/joint_rule.h: gradient rules that record the gradients for all operands at once.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_GRAD_JOINT_RULE_H
#define TGI_GRAD_JOINT_RULE_H

#include "core/tape.h"

/* Records them: for each operand that tgi_is_wanted says, at its place in `grads`; the others stay invalid. */
typedef void tgi_joint_rule(const tg_rule_call *call, tg_tensor *grads);

bool tgi_is_wanted(const tg_rule_call *call, int operand);

/* A rule that asks `differentiate` once for all operands. */
tg_tensor tgi_jointly(const tg_rule_call *call, tgi_joint_rule *differentiate);

#endif
