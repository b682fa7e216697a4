"""bench/casadi_c.py FILE: writes, by CasADi, the functions of bench/compiled.c that are called CasADi's there.

SPDX-License-Identifier: MIT"""
import os
import sys

import casadi as ca


def controller():
    """The cost of torques, its gradient and its Hessian: examples/emit_controller.c."""
    steps = 10
    start, torque = ca.SX.sym("start", 2), ca.SX.sym("torque", steps)
    angle, speed, cost = start[0], start[1], 0.01 * ca.sumsqr(torque)
    for t in range(steps):
        speed = speed + 0.1 * (9.81 * ca.sin(angle) + torque[t])
        angle = angle + 0.1 * speed
        cost = cost + angle**2 + 0.1 * speed**2
    hessian, gradient = ca.hessian(cost, torque)
    return ca.Function("controller", [start, torque], [cost, gradient, ca.densify(hessian)])


def det():
    """The gradient of a determinant by minors: bench/gradbench/eval_det.c."""
    n = 5
    a = ca.SX.sym("a", n * n)

    def expand(row, gone):
        total, sign = 0, 1
        for j in range(n):
            if gone >> j & 1:
                continue
            if row == n - 1:
                return a[row * n + j]
            total = total + sign * a[row * n + j] * expand(row + 1, gone | 1 << j)
            sign = -sign
        return total

    return ca.Function("det", [a], [ca.gradient(expand(0, 0), a)])


directory, name = os.path.split(sys.argv[1])
os.chdir(directory)
generator = ca.CodeGenerator(name, {"with_header": False})
generator.add(controller())
generator.add(det())
generator.generate()
