#!/usr/bin/env python3
"""Fits the polynomials of the vector kernels and prints src/kernels/x86/polynomials.h.

    tools/make/make_polynomials.py > src/kernels/x86/polynomials.h

Each is the Chebyshev interpolant of its function in double precision, turned into powers of the reduced argument: within
a factor of two of the best polynomial of its degree, and a few lines of code. The degrees are the smallest whose own
error leaves fp32 rounding enough of the bound that the kernel's test demands: a quarter of it at most for one polynomial
over the whole range, 60 % for the short ones of a table, whose rounding errors are a few units of small values.
"""

import math

# The gap of either GELU is about 1e-7 at the end: beyond it the constant is within the bound of 5e-7.
GELU_END = 5.5
GELU_DEGREE = 17
GELU_TANH_END = 5.0
# A register of 16 floats holds one coefficient of 16 pieces; the first and the last are half as long as the others.
TABLE_PIECES = 16
TABLE_END = 5.4
TABLE_TANH_END = 4.95
TABLE_DEGREE = 4
EXP2_DEGREE = 6


def gelu_gap(a):
    """max(x, 0) - gelu(x) for a = |x|: a times the normal tail probability of a."""
    return 0.5 * a * math.erfc(a / math.sqrt(2))


def gelu_tanh_gap(a):
    """The same of the GELU that has tanh in place of erf: a times sigmoid(-2 sqrt(2 / pi) (a + 0.044715 a^3))."""
    return a / (1 + math.exp(2 * math.sqrt(2 / math.pi) * (a + 0.044715 * a**3)))


def chebyshev(function, degree):
    """Coefficients of T_0 .. T_degree interpolating function on [-1, 1]."""
    n = degree + 1
    nodes = [math.cos(math.pi * (i + 0.5) / n) for i in range(n)]
    values = [function(x) for x in nodes]
    angle = math.pi / n
    sums = [sum(values[i] * math.cos(j * angle * (i + 0.5)) for i in range(n)) for j in range(n)]
    return [sums[0] / n] + [2 * s / n for s in sums[1:]]


def powers(series):
    """The same polynomial in powers of its argument, lowest first."""
    previous, current = [1.0], [0.0, 1.0]
    total = [0.0] * len(series)
    for j, factor in enumerate(series):
        if j == 0:
            basis = previous
        elif j == 1:
            basis = current
        else:
            basis = [0.0] + [2 * c for c in current]
            for i, c in enumerate(previous):
                basis[i] -= c
            previous, current = current, basis
        for i, c in enumerate(basis):
            total[i] += factor * c
    return total


def worst_error(coefficients, function, relative):
    worst = 0.0
    for i in range(4001):
        x = -1 + i / 2000
        exact = function(x)
        error = abs(sum(c * x**j for j, c in enumerate(coefficients)) - exact)
        worst = max(worst, error / abs(exact) if relative else error)
    return worst


def as_float(c):
    return f"{c:.9g}F" if "." in f"{c:.9g}" or "e" in f"{c:.9g}" else f"{c:.1f}F"


def array(name, coefficients):
    lines = ", ".join(as_float(c) for c in coefficients)
    return f"inline constexpr float {name}[{len(coefficients)}] = {{{lines}}};"


def gap_piece(function, end, piece):
    """Coefficients around the middle of a piece, in units of its length, and its own error."""
    low = max(0.0, piece - 0.5)
    high = min(TABLE_PIECES - 1.0, piece + 0.5)
    middle, half = (low + high) / 2, (high - low) / 2

    def gap(v):
        return function((middle + half * v) * end / (TABLE_PIECES - 1))

    around_middle = powers(chebyshev(gap, TABLE_DEGREE))
    # v = (t - shift) / half, with t counted from the piece's number
    shift = middle - piece
    total = [0.0] * (TABLE_DEGREE + 1)
    for power, coefficient in enumerate(around_middle):
        for i in range(power + 1):
            total[i] += coefficient * math.comb(power, i) * (-shift) ** (power - i) / half**power
    return total, worst_error(around_middle, gap, False)


def print_gap_table(name, function, end):
    pieces = [gap_piece(function, end, i) for i in range(TABLE_PIECES)]
    print(f"/// Its own error: {max(error for _, error in pieces):.1e} absolute, and {function(end):.1e} beyond the end.")
    print(f"inline constexpr GapTable {name} = {{.end = {end}F, .terms = {{")
    for power in range(TABLE_DEGREE + 1):
        print("    {" + ", ".join(as_float(piece[power]) for piece, _ in pieces) + "},")
    print("}};\n")


def print_gap_polynomial(name, function, end):
    def gap(u):
        return function(end * (u + 1) / 2)

    terms = powers(chebyshev(gap, GELU_DEGREE))
    print(f"/// Its own error: {worst_error(terms, gap, False):.1e} absolute, and {function(end):.1e} beyond the end.")
    print(f"inline constexpr GapPolynomial {name} = {{.end = {end}F, .terms = {{")
    print("    " + ", ".join(as_float(term) for term in terms))
    print("}};\n")


def main():
    def exp2(u):
        return 2.0 ** (u / 2)

    half = powers(chebyshev(exp2, EXP2_DEGREE))
    print("#pragma once\n")
    print("// Made by tools/make/make_polynomials.py; change that, not this.\n")
    print("namespace paceline {\n")
    print("/// max(x, 0) - f(x), which depends on |x| alone, for an activation f: in powers of u = 2 min(|x|, end) / end - 1,")
    print("/// lowest first. From `end` on it is taken as constant.")
    print(f"struct GapPolynomial {{\n  float end;\n  float terms[{GELU_DEGREE + 1}];\n}};\n")
    print(f"/// The same in {TABLE_PIECES} pieces: t = {TABLE_PIECES - 1} min(|x|, end) / end "
          "belongs to the piece of the nearest integer;")
    print("/// powers of t less that, lowest first, each of all pieces.")
    print(f"struct GapTable {{\n  float end;\n  alignas(64) float terms[{TABLE_DEGREE + 1}][{TABLE_PIECES}];\n}};\n")
    print_gap_polynomial("kGeluGap", gelu_gap, GELU_END)
    print_gap_polynomial("kGeluTanhGap", gelu_tanh_gap, GELU_TANH_END)
    print_gap_table("kGeluTable", gelu_gap, TABLE_END)
    print_gap_table("kGeluTanhTable", gelu_tanh_gap, TABLE_TANH_END)
    print("/// 2^f for f in [-0.5, 0.5], in powers of f, lowest first.")
    print(f"/// Its own error: {worst_error(half, exp2, True):.1e} relative.")
    print(array("kExp2", [c * 2**j for j, c in enumerate(half)]) + "\n")
    print("}  // namespace paceline")


if __name__ == "__main__":
    main()
