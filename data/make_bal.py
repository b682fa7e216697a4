#!/usr/bin/env python3
"""Writes bal.txt beside this file: photographs of a house, as a problem of bundle adjustment in the format of BAL.

    python3 data/make_bal.py

It needs Python alone, and writes the same bytes wherever it runs: the random numbers are those of a linear congruential generator that is
written out below, and what is printed is rounded to fewer digits than any libm is off by.

The house has an L for its plan. Points lie on its walls; cameras walk around it, and see what is on the walls that face them and is not
behind another wall. What is given as the start is the truth, disturbed: the cameras were placed by hand, so to speak, and the points by
guessing.

SPDX-License-Identifier: MIT"""

import math
import pathlib

PLAN = [(0, 0), (10, 0), (10, 4), (4, 4), (4, 8), (0, 8)]  # metres; the walls go from one corner to the next, the house to their left
HEIGHT = 4
POINTS, CAMERAS = 260, 14
FOCAL, WIDTH, TALL = 900, 1200, 900  # pixels
K1, K2 = -0.08, 0.01
NOISE, WRONG, FAR_OFF = 0.5, 0.02, 40  # pixels, the share of wrong matches, and how many pixels those are off by


class Random:
    """X <- a X + c mod 2^64, of which the upper half counts: D. E. Knuth's MMIX."""

    def __init__(self, seed):
        self.state = seed

    def uniform(self, low=0.0, high=1.0):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return low + (high - low) * (self.state >> 32) / 2**32

    def normal(self, deviation):
        """The sum of twelve is near enough to a normal number."""
        return deviation * (sum(self.uniform() for _ in range(12)) - 6)


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def cross(a, b):
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]


def unit(a):
    length = math.sqrt(dot(a, a))
    return [x / length for x in a]


def rotation_towards(place, target):
    """A camera looks along its own -z, with y upwards: the rows are its axes."""
    back = unit([p - t for p, t in zip(place, target)])
    right = unit(cross([0, 0, 1], back))
    return [right, cross(back, right), back]


def vector_of(r):
    """The axis of a rotation, as long as its angle, by way of the quaternion."""
    q = max(
        (
            [1 + r[0][0] + r[1][1] + r[2][2], r[2][1] - r[1][2], r[0][2] - r[2][0], r[1][0] - r[0][1]],
            [r[2][1] - r[1][2], 1 + r[0][0] - r[1][1] - r[2][2], r[0][1] + r[1][0], r[0][2] + r[2][0]],
            [r[0][2] - r[2][0], r[0][1] + r[1][0], 1 - r[0][0] + r[1][1] - r[2][2], r[1][2] + r[2][1]],
            [r[1][0] - r[0][1], r[0][2] + r[2][0], r[1][2] + r[2][1], 1 - r[0][0] - r[1][1] + r[2][2]],
        ),
        key=lambda q: dot(q, q),
    )
    q = unit(q if q[0] >= 0 else [-x for x in q])
    sine = math.sqrt(dot(q[1:], q[1:]))
    return [x / sine * 2 * math.atan2(sine, q[0]) for x in q[1:]]


def are_crossed(a, b, c, d):
    """Whether the way from a to b meets the wall from c to d, seen from above."""

    def side(p, q, r):
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0


def walls():
    return list(zip(PLAN, PLAN[1:] + PLAN[:1]))


def make_points(random):
    """(place, number of its wall): as many on each metre of wall."""
    lengths = [math.dist(a, b) for a, b in walls()]
    points = []
    for _ in range(POINTS):
        at = random.uniform(0, sum(lengths))
        wall = 0
        while at > lengths[wall]:
            at -= lengths[wall]
            wall += 1
        (ax, ay), (bx, by) = walls()[wall]
        part = at / lengths[wall]
        points.append(([ax + part * (bx - ax), ay + part * (by - ay), random.uniform(0, HEIGHT)], wall))
    return points


def make_cameras(random):
    """Where each stands, and its rotation."""
    cameras = []
    for i in range(CAMERAS):
        angle = 2 * math.pi * (i + random.uniform(-0.2, 0.2)) / CAMERAS
        place = [4.5 + 15 * math.cos(angle), 3.5 + 15 * math.sin(angle), random.uniform(1.5, 4)]
        target = [4.5 + random.normal(0.5), 3.5 + random.normal(0.5), 2 + random.normal(0.2)]
        cameras.append((place, rotation_towards(place, target)))
    return cameras


def seen_at(camera, point):
    """Where on the picture, from its middle; None where it is not on it."""
    place, rotation = camera
    v = [dot(row, [p - c for p, c in zip(point, place)]) for row in rotation]
    x, y = -v[0] / v[2], -v[1] / v[2]
    square = x * x + y * y
    distortion = 1 + K1 * square + K2 * square * square
    at = [FOCAL * distortion * x, FOCAL * distortion * y]
    return at if v[2] < 0 and abs(at[0]) < WIDTH / 2 and abs(at[1]) < TALL / 2 else None


def sees(camera, point, wall):
    place = camera[0]
    (ax, ay), (bx, by) = walls()[wall]
    outwards = (by - ay) * (place[0] - ax) - (bx - ax) * (place[1] - ay)
    hidden = any(are_crossed(place, point, c, d) for i, (c, d) in enumerate(walls()) if i != wall)
    return outwards > 1 and not hidden


def main():
    random = Random(1)
    points, cameras = make_points(random), make_cameras(random)
    seen = []  # camera, point, x, y
    kept = []
    for point, wall in points:
        views = [(i, seen_at(c, point)) for i, c in enumerate(cameras) if sees(c, point, wall)]
        views = [(i, at) for i, at in views if at]
        if len(views) < 3:
            continue
        for i, at in views:
            off = FAR_OFF if random.uniform() < WRONG else NOISE
            seen.append((i, len(kept), at[0] + random.normal(off), at[1] + random.normal(off)))
        kept.append(point)
    seen.sort()
    lines = [f"{len(cameras)} {len(kept)} {len(seen)}"]
    lines += [f"{i} {j} {x:.3f} {y:.3f}" for i, j, x, y in seen]
    for place, rotation in cameras:
        vector = [x + random.normal(0.02) for x in vector_of(rotation)]
        moved = [x + random.normal(0.3) for x in place]
        shift = [-dot(row, moved) for row in rotation]
        lines += [f"{x:.6f}" for x in vector + shift + [FOCAL * random.uniform(0.95, 1.05), 0, 0]]
    lines += [f"{x + random.normal(0.4):.6f}" for point in kept for x in point]
    pathlib.Path(__file__).with_name("bal.txt").write_text("\n".join(lines) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
