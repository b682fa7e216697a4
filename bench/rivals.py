"""The rivals that live in Python: the works of the C files beside this one, in PyTorch and in JAX.

    rivals.py serve THREADS              answers commands on standard input, one line each (see serve)
    rivals.py memory WORK RIVAL THREADS  prints the peak of the memory of a rival, in bytes

A work is a function here that gives, for one rival, a step, to be called many times, and a function for the numbers that all
contestants must agree on after the same number of steps. Everything starts from the same numbers as in C (shared.c).

SPDX-License-Identifier: MIT
"""

import importlib
import logging
import os
import sys
import time

try:
    import numpy as np
except ImportError:
    sys.exit(f"bench: {sys.executable} cannot import numpy: PyTorch and JAX are left out")

COMPILED, JAX, CASADI = "PyTorch compiled", "JAX jit", "CasADi"  # any other rival is PyTorch as it is
torch = jax = casadi = None  # those that can be imported: see load


# ---- the numbers that all start from ----------------------------------------------------------------------------------


def mixed(x):
    x = x ^ (x >> 16)
    x = x * np.uint32(0x7FEB352D)
    x = x ^ (x >> 15)
    x = x * np.uint32(0x846CA68B)
    return x ^ (x >> 16)


def unit(n, salt):
    index = np.arange(n, dtype=np.uint32) + np.uint32(salt * 0x9E3779B9 & 0xFFFFFFFF)
    return (mixed(index) >> 8).astype(np.float64) * 2.0**-24


def numbers(shape, salt, low, high):
    return (low + (high - low) * unit(int(np.prod(shape)), salt)).astype(np.float32).reshape(shape)


def digest(*vectors):
    found = []
    for x in vectors:
        x = np.asarray(x, dtype=np.float64).ravel()
        found += [float(np.sqrt(x @ x)), float(x @ (2 * unit(x.size, 99) - 1))]
    return found


# ---- what works are made of -------------------------------------------------------------------------------------------


def asarrays(rival, arrays):
    return [jax.numpy.asarray(x) if rival == JAX else torch.tensor(x) for x in arrays]


def variables(arrays):
    return [torch.tensor(x, requires_grad=True) for x in arrays]


def gradients(rival, arrays, torch_formula, jax_formula, seed=None):
    """The value of a formula, and its gradients for all arrays; where it is no single number, those of the sum of seed * value."""
    state = {}
    if rival == JAX:

        @jax.jit
        def both(x):
            value, pull = jax.vjp(lambda x: jax_formula(*x), x)
            return value, pull(jax.numpy.ones_like(value) if seed is None else seed)[0]

        x = asarrays(rival, arrays)

        def step():
            state["value"], state["grads"] = jax.block_until_ready(both(x))

    else:
        x, start = variables(arrays), None if seed is None else torch.tensor(seed)
        formula = torch.compile(torch_formula) if rival == COMPILED else torch_formula

        def step():
            for variable in x:
                variable.grad = None
            value = formula(*x)
            value.backward(start)
            state["value"], state["grads"] = value.detach(), [variable.grad for variable in x]

    return step, lambda: digest(state["value"], *state["grads"])


def training(rival, rate, weights, losses):
    """Steps of gradient descent. `losses` takes a list of weights and gives the loss to be descended, and the one to be read, which
    may be the same. PyTorch's compiled code makes loss and gradients, and its functions of lists the update."""
    state = {}
    if rival == JAX:

        def update(w):
            grads, shown = jax.grad(losses, has_aux=True)(w)
            return [p - rate * g for p, g in zip(w, grads)], shown

        update = jax.jit(update, donate_argnums=0)
        state["w"] = asarrays(rival, weights)

        def step():
            state["w"], shown = update(state["w"])
            state["shown"] = float(shown)

    else:
        w = variables(weights)
        losses = torch.compile(losses) if rival == COMPILED else losses
        state["w"] = [p.detach() for p in w]

        def step():
            loss, shown = losses(w)
            loss.backward()
            state["shown"] = shown.item()
            with torch.no_grad():
                if rival == COMPILED:
                    torch._foreach_sub_(w, torch._foreach_mul([p.grad for p in w], rate))
                else:
                    for p in w:
                        p -= rate * p.grad
            for p in w:
                p.grad = None

    return step, lambda: [state["shown"], state["shown"], *digest(*state["w"])]


# ---- the works --------------------------------------------------------------------------------------------------------


def iris(rival):
    labels = (np.arange(100) >= 50).astype(np.float32).reshape(100, 1)
    x, y = asarrays(rival, [numbers((100, 2), 1, 0.4, 0.9), labels])
    sigmoid, log = (jax.nn.sigmoid, jax.numpy.log) if rival == JAX else (torch.sigmoid, torch.log)

    def losses(w):
        y_hat = sigmoid(sigmoid(x @ w[0]) @ w[1])
        return 0.5 * ((y_hat - y) ** 2).sum(), -(y * log(y_hat) + (1 - y) * log(1 - y_hat)).mean()

    return training(rival, 0.001, [numbers((2, 32), 2, -2, 2), numbers((32, 1), 3, -2, 2)], losses)


def elementwise(rival):
    def torch_formula(a, b, c, d):
        return (torch.tanh(a * b + c) * torch.sigmoid(d)).sum()

    def jax_formula(a, b, c, d):
        return (jax.numpy.tanh(a * b + c) * jax.nn.sigmoid(d)).sum()

    return gradients(rival, [numbers(4 << 20, i, -2, 2) for i in range(4)], torch_formula, jax_formula)


def recurrence(rival):
    units, steps = 16, 1000
    inputs = np.sin(0.1 * np.arange(steps))

    def torch_formula(*w):
        h1 = h2 = torch.zeros(units, dtype=torch.float64)
        for x in inputs.tolist():
            h1 = torch.tanh(w[0] * h1 + w[1] * x + w[2])
            h2 = torch.tanh(w[3] * h2 + w[4] * h1 + w[5])
        return (h2**2).sum()

    def jax_formula(*w):
        def cell(h, x):
            h1 = jax.numpy.tanh(w[0] * h[0] + w[1] * x + w[2])
            return (h1, jax.numpy.tanh(w[3] * h[1] + w[4] * h1 + w[5])), None

        zero = jax.numpy.zeros(units)
        return (jax.lax.scan(cell, (zero, zero), inputs)[0][1] ** 2).sum()

    weights = [numbers(units, i, 0.5, 1).astype(np.float64) for i in range(6)]
    return gradients(rival, weights, torch_formula, jax_formula)


def mlp_weights():
    sizes = [784, 512, 512, 10]
    shapes = [shape for layer in zip(sizes, sizes[1:]) for shape in (layer, layer[1:])]
    return [numbers(shape, i, -0.06, 0.06) for i, shape in enumerate(shapes)]


def mlp_logits(rival, x, w):
    if rival == JAX:
        relu, linear = jax.nn.relu, lambda b, x, w: x @ w + b
    else:
        relu, linear = torch.relu, torch.addmm
    return linear(w[5], relu(linear(w[3], relu(linear(w[1], x, w[0])), w[2])), w[4])


def mean_cross_entropy(rival, logits, labels):
    if rival == JAX:
        labels = jax.lax.optimization_barrier(labels)  # or they are worked into the program before it runs
        return -jax.numpy.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1).mean()
    return torch.nn.functional.cross_entropy(logits, labels)


def mlp(rival):
    x, labels = asarrays(rival, [numbers((128, 784), 20, 0, 1), np.arange(128) % 10])

    def losses(w):
        loss = mean_cross_entropy(rival, mlp_logits(rival, x, w), labels)
        return loss, loss

    return training(rival, 0.01, mlp_weights(), losses)


def mlp_answers_one_sample(rival):
    x = numbers((1, 784), 20, 0, 1)
    w = asarrays(rival, mlp_weights())
    state = {}
    if rival == JAX:
        answer = jax.jit(lambda x, w: mlp_logits(rival, x, w))

        def step():
            state["answer"] = np.asarray(answer(x, w))

    else:
        answer = torch.compile(mlp_logits) if rival == COMPILED else mlp_logits

        @torch.inference_mode()
        def step():
            state["answer"] = answer(rival, torch.from_numpy(x), w).numpy()

    return step, lambda: digest(state["answer"])


def lenet(rival):
    x, labels = asarrays(rival, [numbers((64, 1, 28, 28), 20, 0, 1), np.arange(64) % 10])

    def torch_convolved(x, w, b, padding):
        return torch.nn.functional.max_pool2d(torch.relu(torch.nn.functional.conv2d(x, w, b, padding=padding)), 2)

    def jax_convolved(x, w, b, padding):
        y = jax.lax.conv(x, w, (1, 1), "SAME" if padding else "VALID") + b[:, None, None]
        return jax.lax.reduce_window(jax.nn.relu(y), -np.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    relu, convolved = (jax.nn.relu, jax_convolved) if rival == JAX else (torch.relu, torch_convolved)

    def losses(w):
        h = convolved(convolved(x, w[0], w[1], 2), w[2], w[3], 0).reshape(64, -1)
        h = relu(relu(h @ w[4] + w[5]) @ w[6] + w[7]) @ w[8] + w[9]
        loss = mean_cross_entropy(rival, h, labels)
        return loss, loss

    layers = [((6, 1, 5, 5), 6, 0.2), ((16, 6, 5, 5), 16, 0.08), ((400, 120), 120, 0.05), ((120, 84), 84, 0.09), ((84, 10), 10, 0.1)]
    weights = []
    for shape, bias, spread in layers:
        weights += [numbers(shape, len(weights), -spread, spread), numbers(bias, len(weights) + 1, -spread, spread)]
    return training(rival, 0.01, weights, losses)


def cross_entropy(rival):
    (labels,) = asarrays(rival, [np.arange(1024) * 7919 % 10000])
    formula = lambda logits: mean_cross_entropy(rival, logits, labels)
    return gradients(rival, [numbers((1024, 10000), 0, -4, 4)], formula, formula)


def layer_norm(rival):
    def torch_formula(x, weight, bias):
        return torch.nn.functional.layer_norm(x, (768,), weight, bias)

    def jax_formula(x, weight, bias):
        away = x - x.mean(1, keepdims=True)
        return away / jax.numpy.sqrt((away**2).mean(1, keepdims=True) + 1e-5) * weight + bias

    shape = (4096, 768)
    arrays = [numbers(shape, 0, -1, 3), numbers(768, 1, 0.5, 1.5), numbers(768, 2, -1, 1)]
    return gradients(rival, arrays, torch_formula, jax_formula, numbers(shape, 50, -1, 1))


def attention(rival):
    def torch_formula(q, k, v):
        return torch.nn.functional.scaled_dot_product_attention(q, k, v)

    def jax_formula(q, k, v):
        return jax.nn.softmax(q @ k.swapaxes(1, 2) / 8) @ v

    shape = (8, 256, 64)
    return gradients(rival, [numbers(shape, i, -2, 2) for i in range(3)], torch_formula, jax_formula, numbers(shape, 50, -1, 1))


def adam(rival):
    count, size = 50, 200000
    weights = [numbers(size, i, -1, 1) for i in range(count)]
    grads = [numbers(size, count + i, -1, 1) for i in range(count)]
    if rival == JAX:

        def update(w, g, m, v, t):
            t = t + 1
            m = [0.9 * m + 0.1 * g for m, g in zip(m, g)]
            v = [0.999 * v + 0.001 * g * g for v, g in zip(v, g)]
            step_size, root = (0.001 / (1 - 0.9**t)).astype("float32"), jax.numpy.sqrt(1 - 0.999**t).astype("float32")
            return [w - step_size * m / (jax.numpy.sqrt(v) / root + 1e-8) for w, m, v in zip(w, m, v)], m, v, t

        update = jax.jit(update, donate_argnums=(0, 2, 3, 4))
        zeros = [np.zeros(size, np.float32)] * count
        state = [asarrays(rival, weights), asarrays(rival, zeros), asarrays(rival, zeros), jax.numpy.asarray(0.0)]
        g = asarrays(rival, grads)

        def step():
            state[:] = jax.block_until_ready(update(state[0], g, *state[1:]))

        return step, lambda: digest(*state[0][::12])

    w = variables(weights)
    for p, g in zip(w, grads):
        p.grad = torch.tensor(g)
    kind = rival.removeprefix("PyTorch ")  # fused or foreach
    return torch.optim.Adam(w, **{kind: True}).step, lambda: digest(*(p.detach() for p in w[::12]))


# ---- transformers -----------------------------------------------------------------------------------------------------


def gpt_parameters(layers, width, context, kinds):
    """Names and shapes, in the order of examples/gpt.c."""
    pair = lambda name, *shape: [(name + ".weight", shape), (name + ".bias", shape[:1])]
    listed = [("wte.weight", (kinds, width)), ("wpe.weight", (context, width))]
    for i in range(layers):
        listed += pair(f"h.{i}.ln_1", width) + pair(f"h.{i}.attn.c_attn", 3 * width, width) + pair(f"h.{i}.attn.c_proj", width, width)
        listed += pair(f"h.{i}.ln_2", width) + pair(f"h.{i}.mlp.c_fc", 4 * width, width) + pair(f"h.{i}.mlp.c_proj", width, 4 * width)
    return listed + pair("ln_f", width) + [("lm_head.weight", (kinds, width))]


def gpt(rival, layers, heads, width, context, batch, kinds=65):
    functional, w, state = torch.nn.functional, {}, {}
    for i, (name, shape) in enumerate(gpt_parameters(layers, width, context, kinds)):
        near_one = "ln_" in name and name.endswith(".weight")
        w[name] = torch.tensor(numbers(shape, i, *((0.9, 1.1) if near_one else (-0.05, 0.05))), requires_grad=True)
    text = np.arange(batch * context + 1) * 7919 % 9973 % kinds
    x, following = (torch.tensor(part.reshape(batch, context)) for part in (text[:-1], text[1:]))
    places = torch.arange(context)

    def linear(name, x):
        return functional.linear(x, w[name + ".weight"], w[name + ".bias"])

    def norm(name, x):
        return functional.layer_norm(x, (width,), w[name + ".weight"], w[name + ".bias"])

    def attend(block, x):
        q, k, v = (part.view(batch, context, heads, width // heads).transpose(1, 2) for part in linear(block + "c_attn", x).split(width, 2))
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return linear(block + "c_proj", y.transpose(1, 2).reshape(batch, context, width))

    def loss_of_model():
        y = functional.embedding(x, w["wte.weight"]) + functional.embedding(places, w["wpe.weight"])
        for i in range(layers):
            y = y + attend(f"h.{i}.attn.", norm(f"h.{i}.ln_1", y))
            y = y + linear(f"h.{i}.mlp.c_proj", functional.gelu(linear(f"h.{i}.mlp.c_fc", norm(f"h.{i}.ln_2", y))))
        scores = functional.linear(norm("ln_f", y), w["lm_head.weight"])
        return functional.cross_entropy(scores.view(-1, kinds), following.view(-1))

    loss_of_model = torch.compile(loss_of_model) if rival == COMPILED else loss_of_model
    optimizer = torch.optim.AdamW(w.values(), 1e-3, fused=True)

    def step():
        optimizer.zero_grad()
        loss = loss_of_model()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(w.values(), 1)
        optimizer.step()
        state["loss"] = loss.detach()

    return step, lambda: digest(state["loss"])


def gpt_of_4_layers(rival):
    return gpt(rival, 4, 4, 128, 64, 4)


def gpt_of_6_layers(rival):
    return gpt(rival, 6, 6, 384, 256, 12)


def gpt_of_12_layers(rival):
    return gpt(rival, 12, 12, 768, 64, 4, 50257)


# ---- derivatives: loops, many directions, sparse matrices --------------------------------------------------------------


def doubles(shape, salt, low, high):
    return numbers(shape, salt, low, high).astype(np.float64)


def computed(rival, function, arguments, arrange):
    """A step that evaluates a compiled function of JAX's, or a Function of CasADi's on buffers; `arrange` makes of its results, of CasADi's
    column by column the elements that are not 0, the vectors that all agree on."""
    if rival == JAX:
        state, function, arguments = {}, jax.jit(function), [jax.numpy.asarray(x) for x in arguments]

        def step():
            state["results"] = jax.block_until_ready(function(*arguments))

        return step, lambda: digest(*arrange(*state["results"]))

    buffer, evaluate = function.buffer()
    arguments = [np.asarray(x, dtype=np.float64).ravel(order="F").copy() for x in arguments]
    results = [np.zeros(function.nnz_out(i)) for i in range(function.n_out())]
    for i, x in enumerate(arguments):
        buffer.set_arg(i, memoryview(x))
    for i, x in enumerate(results):
        buffer.set_res(i, memoryview(x))
    kept = (function, buffer, arguments)  # CasADi keeps no more than their addresses

    def step():
        evaluate()

    return step, lambda: digest(*arrange(*results)) if kept else None


def derivatives_bundle(rival):
    count, cameras, points = 31843, doubles((49, 11), 1, 0.1, 0.4), doubles((7776, 3), 2, 1, 2)
    index, weights = np.arange(count), doubles(count, 3, 0.5, 1)
    xp = jax.numpy if rival == JAX else casadi

    def errors(camera, point, weight):
        r, v = camera[0:3], point - camera[3:6]
        angle = xp.sqrt(xp.dot(r, r))
        axis, cosine = r / angle, xp.cos(angle)
        turned = v * cosine + xp.cross(axis, v) * xp.sin(angle) + axis * (xp.dot(axis, v) * (1 - cosine))
        at = turned[0:2] / turned[2]
        square = xp.dot(at, at)
        return weight * (at * (1 + camera[9] * square + camera[10] * square**2) * camera[6] + camera[7:9])

    def rows(slopes, weight_slopes):  # (2, count, 15)
        return [np.concatenate([np.delete(slopes[0], 8, 1).ravel(), np.delete(slopes[1], 7, 1).ravel(), weight_slopes])]

    if rival == JAX:
        slopes = jax.vmap(jax.jacrev(errors, (0, 1, 2)))

        def both(cameras, points, weights):
            of_camera, of_point, of_weight = slopes(cameras[index % 49], points[index % 7776], weights)
            return jax.numpy.concatenate([of_camera, of_point, of_weight[:, :, None]], 2), -2 * weights

        return computed(rival, both, [cameras, points, weights], lambda s, w: rows(np.asarray(s).transpose(1, 0, 2), np.asarray(w)))

    x = casadi.SX.sym("x", 15)
    slopes = casadi.densify(casadi.jacobian(errors(x[:11], x[11:14], x[14]), x))
    function = casadi.Function("bundle", [x], [slopes, -2 * x[14]]).map(count)
    x = np.concatenate([cameras[index % 49], points[index % 7776], weights[:, None]], 1).T
    return computed(rival, function, [x], lambda s, w: rows(s.reshape(count, 15, 2).transpose(2, 0, 1), w))


UNKNOWNS = 100000


def tridiagonal(rival, x, product, matrix):
    """The matrix by its product with each of three vectors (JAX), or whole (CasADi); row by row."""
    row = np.repeat(np.arange(UNKNOWNS), 3)[1:-1]
    column = (np.arange(3 * UNKNOWNS) // 3 + np.arange(3 * UNKNOWNS) % 3 - 1)[1:-1]
    if rival == JAX:
        seeds = (np.arange(UNKNOWNS) % 3 == np.arange(3)[:, None]).astype(np.float64)
        function = lambda x: [jax.vmap(lambda v: product(x, v))(seeds)[column % 3, row]]
        return computed(rival, function, [x], lambda values: [values])
    order = np.lexsort((column, row))
    by_columns = np.lexsort((row, column))
    place = np.empty_like(order)
    place[by_columns] = np.arange(row.size)
    return computed(rival, matrix(), [x], lambda values: [values[place]])


def derivatives_band(rival):
    def equations(x, wide):
        return (3 - 2 * x) * x - wide[:-2] - 2 * wide[2:] + 1

    def product(x, v):
        return jax.jvp(lambda x: equations(x, jax.numpy.pad(x, 1)), (x,), (v,))[1]

    def matrix():
        x = casadi.SX.sym("x", UNKNOWNS)
        return casadi.Function("band", [x], [casadi.jacobian(equations(x, casadi.vertcat(0, x, 0)), x)])

    return tridiagonal(rival, doubles(UNKNOWNS, 1, -1, 1), product, matrix)


def derivatives_chain(rival):
    def terms(x):
        return 100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2

    def product(x, v):
        return jax.jvp(jax.grad(lambda x: terms(x).sum()), (x,), (v,))[1]

    def matrix():
        x = casadi.SX.sym("x", UNKNOWNS)
        return casadi.Function("chain", [x], [casadi.hessian(casadi.sum1(terms(x)), x)[0]])

    return tridiagonal(rival, doubles(UNKNOWNS, 1, -1, 1), product, matrix)


def derivatives_lstm(rival):
    layers, bits, characters = 2, 14, 1024
    main, extra = doubles((layers, 2, 4, bits), 1, -1, 1), doubles((3, bits), 2, -1, 1)
    text = (numbers((characters, bits), 3, 0, 1) > 0.5).astype(np.float64)
    tanh, exp = (jax.numpy.tanh, jax.numpy.exp) if rival == JAX else (casadi.tanh, casadi.exp)

    def sigmoid(x):
        return 1 / (1 + exp(-x))

    def character(state, x, weight, bias, extra):
        after, y = [], x * extra(0)
        for i in range(layers):
            hidden, cell = state[2 * i : 2 * i + 2]
            gate = lambda which, x: x * weight(i, which) + bias(i, which)
            cell = cell * sigmoid(gate(0, y)) + sigmoid(gate(1, hidden)) * tanh(gate(3, hidden))
            y = sigmoid(gate(2, y)) * tanh(cell)
            after += [y, cell]
        return after, y

    if rival == JAX:

        def loss(main, extra):
            cell = lambda s, x: character(s, x, lambda i, k: main[i, 0, k], lambda i, k: main[i, 1, k], lambda k: extra[k])
            hidden = jax.lax.scan(cell, [jax.numpy.full(bits, 0.1)] * 4, text[:-1])[1]
            y = hidden * extra[1] + extra[2]
            normalized = y - jax.numpy.log(jax.numpy.exp(y).sum(1, keepdims=True) + 2)
            return -(text[1:] * normalized).sum() / (bits * (characters - 1))

        def both(main, extra):
            value, grads = jax.value_and_grad(loss, (0, 1))(main, extra)
            return value, *grads

        return computed(rival, both, [main, extra], lambda *results: results)

    sym = lambda n: casadi.SX.sym("s", n)
    state, x, m, e = [sym(bits) for _ in range(4)], sym(bits), sym(main.size), sym(extra.size)
    part = lambda v, k: v[bits * k : bits * (k + 1)]
    after, y = character(state, x, lambda i, k: part(m, 8 * i + k), lambda i, k: part(m, 8 * i + 4 + k), lambda k: part(e, k))
    step = casadi.Function("step", [casadi.vertcat(*state), x, m, e], [casadi.vertcat(*after), y])
    loop = step.mapaccum("loop", characters - 1)
    m, e = casadi.MX.sym("m", main.size), casadi.MX.sym("e", extra.size)
    repeated = lambda v: casadi.repmat(v, 1, characters - 1)
    hidden = loop(np.full(4 * bits, 0.1), text[:-1].T, repeated(m), repeated(e))[1]
    y = hidden * repeated(part(e, 1)) + repeated(part(e, 2))
    normalized = y - casadi.repmat(casadi.log(casadi.sum1(casadi.exp(y)) + 2), bits, 1)
    loss = -casadi.sum1(casadi.sum2(text[1:].T * normalized)) / (bits * (characters - 1))
    function = casadi.Function("lstm", [m, e], [loss, casadi.gradient(loss, m), casadi.gradient(loss, e)])
    return computed(rival, function, [main.ravel(), extra.ravel()], lambda *results: results)


def derivatives_integrator(rival):
    count, h = 100000, 1e-3
    sin = jax.numpy.sin if rival == JAX else casadi.sin

    def rk4(state, friction):
        slopes = lambda s: (s[1], -(sin(s[0]) + friction * s[1]))
        moved = lambda h, k: (state[0] + h * k[0], state[1] + h * k[1])
        k1 = slopes(state)
        k2 = slopes(moved(h / 2, k1))
        k3 = slopes(moved(h / 2, k2))
        k4 = slopes(moved(h, k3))
        return tuple(s + h / 6 * (a + d + 2 * (b + c)) for s, a, b, c, d in zip(state, k1, k2, k3, k4))

    if rival == JAX:

        def loss(p):
            def step(state, _):
                state = rk4(state, p[0])
                return state, state[0]

            return (jax.lax.scan(step, (p[1], p[2]), None, count)[1] ** 2).sum()

        return computed(rival, jax.value_and_grad(loss), [np.array([0.1, 2, 0])], lambda *results: results)

    s, friction, p = casadi.SX.sym("s", 2), casadi.SX.sym("f"), casadi.MX.sym("p", 3)
    step = casadi.Function("step", [s, friction], [casadi.vertcat(*rk4((s[0], s[1]), friction))])
    states = step.mapaccum("loop", count)(p[1:3], casadi.repmat(p[0], 1, count))
    loss = casadi.sumsqr(states[0, :])
    function = casadi.Function("integrator", [p], [loss, casadi.gradient(loss, p)])
    return computed(rival, function, [np.array([0.1, 2, 0])], lambda *results: results)


def derivatives_hessian(rival):
    a, x = doubles((200, 200), 2, -0.1, 0.1), doubles(200, 1, -1, 1)
    if rival == JAX:
        function = lambda x: [jax.hessian(lambda x: (jax.numpy.tanh(a @ x) ** 2).sum())(x)]
        return computed(rival, function, [x], lambda h: [h])
    v = casadi.MX.sym("x", 200)
    function = casadi.Function("hessian", [v], [casadi.densify(casadi.hessian(casadi.sumsqr(casadi.tanh(casadi.mtimes(a, v))), v)[0])])
    return computed(rival, function, [x], lambda h: [h])


WORKS = [iris, elementwise, recurrence, mlp, mlp_answers_one_sample, lenet, cross_entropy, layer_norm, attention, adam]
WORKS += [gpt_of_4_layers, gpt_of_6_layers, gpt_of_12_layers]
WORKS += [derivatives_bundle, derivatives_band, derivatives_chain, derivatives_lstm, derivatives_integrator, derivatives_hessian]


# ---- what the C program asks for --------------------------------------------------------------------------------------


def load(threads):
    """PyTorch is told how many threads there are; JAX reads it when it starts."""
    global torch, jax, casadi
    eigen = "true" if threads > 1 else "false"
    os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={eigen} intra_op_parallelism_threads={threads}"
    os.environ.update(JAX_PLATFORMS="cpu", JAX_ENABLE_X64="1", NPROC=str(threads))
    logging.disable(logging.WARNING)
    torch, jax, casadi = imported("torch"), imported("jax"), imported("casadi")
    if torch:
        torch.set_num_threads(threads)


def imported(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"bench: {sys.executable} cannot import {name}, which is left out", file=sys.stderr)
        return None


def make(work, rival):
    """None where the rival is none of those that are there."""
    functions = {function.__name__.replace("_", " "): function for function in WORKS}
    there = {JAX: jax, CASADI: casadi}.get(rival, torch)
    return functions[work.partition(",")[0]](rival) if there else None


def run(step, count):
    start = time.perf_counter()
    for _ in range(count):
        step()
    return time.perf_counter() - start


def serve(out):
    """setup ID WORK RIVAL   makes it ready
    run ID N              the seconds that N steps take
    result ID             the numbers to agree on
    clear                 forgets all
    Each is answered with one line; with "no" when something is wrong, which is told on standard error."""
    rivals = {}
    for line in sys.stdin:
        command, *arguments = line.rstrip("\n").split("\t")
        answer = "ok"
        try:
            if command == "setup":
                number, work, rival = arguments
                rivals[number] = make(work, rival)
                answer = "ok" if rivals[number] else "no"
            elif command == "run":
                answer = repr(run(rivals[arguments[0]][0], int(arguments[1])))
            elif command == "result":
                answer = " ".join(map(repr, rivals[arguments[0]][1]()))
            elif command == "clear":
                rivals.clear()
        except Exception as error:
            print(f"bench: {' '.join(arguments)}: {type(error).__name__}: {error}", file=sys.stderr)
            answer = "no"
        print(answer, file=out, flush=True)


def status(name):
    with open("/proc/self/status") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith(name))


def memory(work, rival):
    """As memory_taken in bench.c; PyTorch and JAX themselves do not count."""
    before = status("VmRSS:")
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    step, _ = make(work, rival)
    run(step, 3)
    return status("VmHWM:") - before


def main():
    out = os.fdopen(os.dup(1), "w")  # whatever else is printed must not be taken for an answer
    os.dup2(2, 1)
    load(int(sys.argv[-1]))
    if sys.argv[1] == "memory":
        print(memory(sys.argv[2], sys.argv[3]), file=out)
    else:
        serve(out)


if __name__ == "__main__":
    main()
