/* bench/cppad_works.cpp: works of sparse_matrices.c and time_loops.c by CppAD, as its manual tells: a function is recorded once and
 * optimized; patterns and colours are found in the first step, and kept. Where there are several ways, what is called after the work alone
 * is the fastest that was found. CppAD itself uses one thread.
 *
 * SPDX-License-Identifier: MIT */
#include "cppad.h"

#include <algorithm>
#include <cppad/cppad.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <string>
#include <vector>

namespace {

using number = CppAD::AD<double>;
using numbers = CppAD::vector<number>;
using vector = CppAD::vector<double>;
using sizes = CppAD::vector<size_t>;
using flags = CppAD::vector<bool>;
using pattern = CppAD::sparse_rc<sizes>;
using matrix = CppAD::sparse_rcv<sizes, vector>;
using function = CppAD::ADFun<double>;

struct work {
    virtual ~work() = default;
    virtual void                step() = 0;
    virtual std::vector<vector> results() const = 0;
};

cppad_source *source; // of the numbers that all start from

vector doubles(size_t n, uint32_t salt, double low, double high) {
    double *from = source(static_cast<int64_t>(n), salt, low, high);
    vector  x(n);
    std::copy(from, from + n, x.data());
    std::free(from);
    return x;
}

vector joined(std::vector<vector> parts) {
    vector all;
    for (const vector &part : parts)
        for (size_t i = 0; i < part.size(); i++)
            all.push_back(part[i]);
    return all;
}

/* ---- what works are made of -------------------------------------------------------------------------------------- */

template <class formula> function recorded(const vector &at, formula of) {
    numbers x(at.size());
    for (size_t i = 0; i < x.size(); i++)
        x[i] = at[i];
    CppAD::Independent(x);
    numbers  y = of(x);
    function f;
    f.Dependent(x, y);
    f.optimize();
    return f;
}

/* The gradient of the sum of what a function gives, recorded in its turn. */
template <class formula> function recorded_gradient(const vector &at, formula of) {
    function f = recorded(at, of);
    auto     again = f.base2ad();
    return recorded(at, [&](const numbers &x) {
        numbers ones(f.Range());
        std::fill_n(ones.data(), ones.size(), number(1));
        again.Forward(0, x);
        return again.Reverse(1, ones);
    });
}

pattern identity(size_t n) {
    pattern found(n, n, n);
    for (size_t i = 0; i < n; i++)
        found.set(i, i, i);
    return found;
}

pattern pattern_of_jacobian(function &f) {
    pattern found;
    f.for_jac_sparsity(identity(f.Domain()), false, false, false, found);
    return found;
}

pattern pattern_of_hessian(function &f) {
    flags   domain(f.Domain()), range(f.Range());
    pattern found;
    std::fill_n(domain.data(), domain.size(), true);
    std::fill_n(range.data(), range.size(), true);
    f.for_hes_sparsity(domain, range, false, found);
    return found;
}

vector row_by_row(const matrix &m) {
    sizes  order = m.row_major();
    vector values(m.nnz());
    for (size_t i = 0; i < values.size(); i++)
        values[i] = m.val()[order[i]];
    return values;
}

/* A sparse Jacobian by directions of a colour each, several at once. */
struct jacobian : work {
    function               f;
    vector                 x;
    pattern                where;
    matrix                 values;
    CppAD::sparse_jac_work colours;

    jacobian(function of, const vector &at) : f(std::move(of)), x(at), where(pattern_of_jacobian(f)), values(where) {
    }
    void step() override {
        const size_t at_once = 16; // of the dense Hessian 50 are slower, and so are 8
        f.sparse_jac_for(at_once, x, values, where, "cppad", colours);
    }
    std::vector<vector> results() const override {
        return {row_by_row(values)};
    }
};

/* The Hessian of the sum of what a function gives. For the chain "cppad.symmetric" finds 4 colours, where this finds 3, in a time that
 * grows with the square of the unknowns. */
struct hessian : work {
    function               f;
    vector                 x, ones;
    pattern                where;
    matrix                 values;
    CppAD::sparse_hes_work colours;

    hessian(function of, const vector &at)
        : f(std::move(of)), x(at), ones(f.Range()), where(pattern_of_hessian(f)), values(where) {
        std::fill_n(ones.data(), ones.size(), 1.0);
    }
    void step() override {
        f.sparse_hes(x, ones, values, where, "cppad.general", colours);
    }
    std::vector<vector> results() const override {
        return {row_by_row(values)};
    }
};

/* A number and its gradient. parts: where the gradient is divided, for the results. */
struct gradient : work {
    function            f;
    vector              x, value, slopes;
    std::vector<size_t> parts;

    gradient(function of, const vector &at, std::vector<size_t> sizes_of_parts)
        : f(std::move(of)), x(at), parts(std::move(sizes_of_parts)) {
    }
    void step() override {
        vector one(1);
        one[0] = 1;
        value = f.Forward(0, x);
        slopes = f.Reverse(1, one);
    }
    std::vector<vector> results() const override {
        std::vector<vector> all{value};
        const double       *from = slopes.data();
        for (size_t n : parts) {
            vector part(n);
            std::copy(from, from + n, part.data());
            all.push_back(part);
            from += n;
        }
        return all;
    }
};

/* ---- bundle adjustment ------------------------------------------------------------------------------------------- */

constexpr size_t CAMERAS = 49, POINTS = 7776, SEEN = 31843;
constexpr size_t CENTER = 3, FOCAL = 6, PRINCIPAL = 7, RADIAL = 9, CAMERA = 11, POINT = 3, INPUTS = CAMERA + POINT + 1;

number dot(const number *a, const number *b) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

void rotate(const number *r, const number *v, number *to) {
    number angle = sqrt(dot(r, r)), cosine = cos(angle), sine = sin(angle), axis[3];
    for (int i = 0; i < 3; i++)
        axis[i] = r[i] / angle;
    number along = dot(axis, v) * (1 - cosine);
    for (int i = 0; i < 3; i++) {
        int j = (i + 1) % 3, k = (i + 2) % 3;
        to[i] = v[i] * cosine + (axis[j] * v[k] - axis[k] * v[j]) * sine + axis[i] * along;
    }
}

void project(const number *camera, const number *point, const number &weight, number *error) {
    number v[3], turned[3];
    for (size_t i = 0; i < 3; i++)
        v[i] = point[i] - camera[CENTER + i];
    rotate(camera, v, turned);
    number at[2] = {turned[0] / turned[2], turned[1] / turned[2]}, square = at[0] * at[0] + at[1] * at[1];
    number distortion = 1 + camera[RADIAL] * square + camera[RADIAL + 1] * (square * square);
    for (size_t i = 0; i < 2; i++)
        error[i] = weight * (at[i] * distortion * camera[FOCAL] + camera[PRINCIPAL + i]);
}

struct scene {
    vector cameras = doubles(CAMERAS * CAMERA, 1, 0.1, 0.4), points = doubles(POINTS * POINT, 2, 1, 2),
           weights = doubles(SEEN, 3, 0.5, 1);
};

numbers errors_of_all(const numbers &x) {
    const number *cameras = x.data(), *points = cameras + CAMERAS * CAMERA, *weights = points + POINTS * POINT;
    numbers       y(3 * SEEN);
    for (size_t i = 0; i < SEEN; i++) {
        number error[2];
        project(cameras + i % CAMERAS * CAMERA, points + i % POINTS * POINT, weights[i], error);
        y[i] = error[0];
        y[SEEN + i] = error[1];
        y[2 * SEEN + i] = 1 - weights[i] * weights[i];
    }
    return y;
}

work *bundle_whole() {
    scene  s;
    vector x = joined({s.cameras, s.points, s.weights});
    return new jacobian(recorded(x, errors_of_all), x);
}

numbers errors_of_one(const numbers &x) {
    numbers error(2);
    project(x.data(), x.data() + CAMERA, x[INPUTS - 1], error.data());
    return error;
}

/* One observation is recorded, and evaluated for each. */
struct observations : work {
    scene    s;
    vector   x, slopes[2], weight_slopes;
    function f;

    observations() : x(INPUTS), slopes{vector(SEEN * INPUTS), vector(SEEN * INPUTS)}, weight_slopes(SEEN) {
        choose(0);
        f = recorded(x, errors_of_one);
    }
    void choose(size_t i) {
        std::copy_n(&s.cameras[i % CAMERAS * CAMERA], CAMERA, &x[0]);
        std::copy_n(&s.points[i % POINTS * POINT], POINT, &x[CAMERA]);
        x[INPUTS - 1] = s.weights[i];
    }
    void step() override {
        vector which(2);
        for (size_t i = 0; i < SEEN; i++) {
            choose(i);
            f.Forward(0, x);
            for (size_t k = 0; k < 2; k++) {
                which[k] = 1, which[1 - k] = 0;
                vector row = f.Reverse(1, which);
                std::copy_n(&row[0], INPUTS, &slopes[k][INPUTS * i]);
            }
            weight_slopes[i] = -2 * s.weights[i];
        }
    }
    /* An error does not depend on the other one's principal point. */
    std::vector<vector> results() const override {
        vector all;
        for (size_t k = 0; k < 2; k++)
            for (size_t i = 0; i < SEEN * INPUTS; i++)
                if (i % INPUTS != PRINCIPAL + 1 - k) all.push_back(slopes[k][i]);
        return {joined({all, weight_slopes})};
    }
};

work *bundle() {
    return new observations;
}

/* ---- a band, a chain ---------------------------------------------------------------------------------------------- */

constexpr size_t UNKNOWNS = 100000;

vector unknowns() {
    return doubles(UNKNOWNS, 1, -1, 1);
}

numbers equations(const numbers &x) {
    numbers y(UNKNOWNS);
    for (size_t i = 0; i < UNKNOWNS; i++) {
        number left = i > 0 ? x[i - 1] : number(0), right = i + 1 < UNKNOWNS ? x[i + 1] : number(0);
        y[i] = (3 - 2 * x[i]) * x[i] - left - 2 * right + 1;
    }
    return y;
}

/* Their sum is left to CppAD's weights: if it is recorded, the time for its pattern grows with the square of the unknowns. */
numbers terms(const numbers &x) {
    numbers y(UNKNOWNS - 1);
    for (size_t i = 0; i + 1 < UNKNOWNS; i++) {
        number a = x[i + 1] - x[i] * x[i], b = 1 - x[i];
        y[i] = 100 * (a * a) + b * b;
    }
    return y;
}

work *band() {
    return new jacobian(recorded(unknowns(), equations), unknowns());
}

work *chain() {
    return new jacobian(recorded_gradient(unknowns(), terms), unknowns());
}

work *chain_hessian() {
    return new hessian(recorded(unknowns(), terms), unknowns());
}

/* ---- an LSTM ----------------------------------------------------------------------------------------------------- */

constexpr size_t LAYERS = 2, BITS = 14, CHARACTERS = 1024, MAIN = LAYERS * 2 * 4 * BITS, EXTRA = 3 * BITS;

number sigmoid(const number &x) {
    return 1 / (1 + exp(-x));
}

/* Of one bit in a layer: weight has its weights and biases of the 4 gates. */
void cell(const number *weight, const number &x, number &hidden, number &memory) {
    auto gate = [&](size_t which, const number &in) { return in * weight[which * BITS] + weight[(4 + which) * BITS]; };
    memory = memory * sigmoid(gate(0, x)) + sigmoid(gate(1, hidden)) * tanh(gate(3, hidden));
    hidden = sigmoid(gate(2, x)) * tanh(memory);
}

number likelihood(const double *text, const number *hidden, const number *extra) {
    number total = 2, y[BITS], found = 0;
    for (size_t j = 0; j < BITS; j++) {
        y[j] = hidden[j] * extra[BITS + j] + extra[2 * BITS + j];
        total += exp(y[j]);
    }
    number reduced = log(total);
    for (size_t j = 0; j < BITS; j++)
        found += text[j] * (y[j] - reduced);
    return found;
}

numbers loss_of_lstm(const numbers &x, const vector &text) {
    const number       *extra = x.data() + MAIN;
    std::vector<number> hidden(LAYERS * BITS, number(0.1)), memory = hidden;
    number              sum = 0;
    for (size_t t = 0; t + 1 < CHARACTERS; t++) {
        for (size_t i = 0; i < LAYERS * BITS; i++) {
            size_t layer = i / BITS, j = i % BITS;
            number in = layer > 0 ? hidden[i - BITS] : text[t * BITS + j] * extra[j];
            cell(&x[layer * 8 * BITS + j], in, hidden[i], memory[i]);
        }
        sum += likelihood(&text[(t + 1) * BITS], &hidden[(LAYERS - 1) * BITS], extra);
    }
    return numbers(1, -sum / double(BITS * (CHARACTERS - 1)));
}

work *lstm() {
    vector x = joined({doubles(MAIN, 1, -1, 1), doubles(EXTRA, 2, -1, 1)}), text = doubles(CHARACTERS * BITS, 3, 0, 1);
    for (size_t i = 0; i < text.size(); i++)
        text[i] = text[i] > 0.5;
    return new gradient(recorded(x, [&](const numbers &at) { return loss_of_lstm(at, text); }), x, {MAIN, EXTRA});
}

/* ---- an integrator ----------------------------------------------------------------------------------------------- */

void slopes_of(const number *state, const number &friction, number *slope) {
    slope[0] = state[1];
    slope[1] = -(sin(state[0]) + friction * state[1]);
}

void pendulum_step(number *state, const number &friction) {
    const double h = 1e-3;
    number       k[4][2], at[2];
    slopes_of(state, friction, k[0]);
    for (int i = 1; i < 4; i++) {
        for (int j = 0; j < 2; j++)
            at[j] = state[j] + (i < 3 ? h / 2 : h) * k[i - 1][j];
        slopes_of(at, friction, k[i]);
    }
    for (int j = 0; j < 2; j++)
        state[j] += h / 6 * (k[0][j] + k[3][j] + 2 * (k[1][j] + k[2][j]));
}

numbers loss_of_pendulum(const numbers &x) {
    number state[2] = {x[1], x[2]}, loss = 0;
    for (int t = 0; t < 100000; t++) {
        pendulum_step(state, x[0]);
        loss += state[0] * state[0];
    }
    return numbers(1, loss);
}

work *integrator() {
    vector x(3);
    x[0] = 0.1, x[1] = 2, x[2] = 0;
    return new gradient(recorded(x, loss_of_pendulum), x, {3});
}

/* ---- a dense Hessian --------------------------------------------------------------------------------------------- */

constexpr size_t DENSE = 200;

work *dense_hessian() {
    vector a = doubles(DENSE * DENSE, 2, -0.1, 0.1), x = doubles(DENSE, 1, -1, 1);
    auto   loss = [&](const numbers &at) {
        numbers y(1, number(0));
        for (size_t i = 0; i < DENSE; i++) {
            number sum = 0;
            for (size_t j = 0; j < DENSE; j++)
                sum += a[i * DENSE + j] * at[j];
            number value = tanh(sum);
            y[0] += value * value;
        }
        return y;
    };
    return new jacobian(recorded_gradient(x, loss), x);
}

/* ---- for cppad.c ------------------------------------------------------------------------------------------------- */

const std::map<std::string, work *(*)()> works = {{"bundle", bundle},         {"bundle_whole", bundle_whole},   {"band", band},
                                                  {"chain", chain},           {"chain_hessian", chain_hessian}, {"lstm", lstm},
                                                  {"integrator", integrator}, {"hessian", dense_hessian}};

void *setup(const char *name, cppad_source *of) try {
    source = of;
    return works.at(name)();
} catch (const std::exception &error) {
    std::fprintf(stderr, "bench: CppAD, %s: %s\n", name, error.what());
    return nullptr;
}

void step(void *state) {
    static_cast<work *>(state)->step();
}

int result(void *state, cppad_digest *digest, double *to) {
    int count = 0;
    for (const vector &x : static_cast<work *>(state)->results())
        count += digest(x.data(), static_cast<int64_t>(x.size()), to + count);
    return count;
}

void teardown(void *state) {
    delete static_cast<work *>(state);
}

} // namespace

extern "C" const cppad_calls cppad_works;
const cppad_calls            cppad_works = {setup, step, result, teardown};
