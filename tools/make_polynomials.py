#!/usr/bin/env python3
"""Fits the polynomials of the vector kernels and prints src/kernels/x86/polynomials.h.

    tools/make_polynomials.py > src/kernels/x86/polynomials.h

Each is the Chebyshev interpolant of its function in double precision, turned into powers of the reduced argument: within
a factor of two of the best polynomial of its degree, and a few lines of code. The degrees are the smallest whose own
error leaves fp32 rounding enough of the bound that the kernel's test demands: a quarter of it at most for one polynomial
over the whole range, 60 % for the short ones of a table, whose rounding errors are a few units of small values.
"""

import math

# The gap of either GELU is about 1e-7 at the end: beyond it the constant is within the bound of 5e-7. What is fitted is
# the gap over |x|: its error, times |x|, is small against the result where the result is small.
GELU_END = 5.5
GELU_DEGREE = 17
GELU_TANH_END = 5.0
# A register of 16 floats holds one coefficient of 16 pieces; the first and the last are half as long as the others.
TABLE_PIECES = 16
TABLE_END = 5.4
TABLE_TANH_END = 4.95
TABLE_DEGREE = 4
EXP2_DEGREE = 6


def gelu_tail(a):
    """(max(x, 0) - gelu(x)) / a for a = |x|: the normal tail probability of a."""
    return 0.5 * math.erfc(a / math.sqrt(2))


def gelu_tanh_tail(a):
    """The same of the GELU that has tanh in place of erf: sigmoid(-2 sqrt(2 / pi) (a + 0.044715 a^3))."""
    return 1 / (1 + math.exp(2 * math.sqrt(2 / math.pi) * (a + 0.044715 * a**3)))


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


def worst_power_error(coefficients):
    """Of 2^f = 1 + f times the polynomial in f, relative to 2^f - 1, which is never larger."""
    fractions = [i / 4000 for i in range(-2000, 2001) if i != 0]
    powers_less_one = [(f, math.expm1(f * math.log(2))) for f in fractions]
    return max(abs(f * sum(c * f**i for i, c in enumerate(coefficients)) / exact - 1) for f, exact in powers_less_one)


def as_float(c):
    return f"{c:.9g}F" if "." in f"{c:.9g}" or "e" in f"{c:.9g}" else f"{c:.1f}F"


def array(name, coefficients):
    lines = ", ".join(as_float(c) for c in coefficients)
    return f"inline constexpr float {name}[{len(coefficients)}] = {{{lines}}};"


def tail_piece(function, end, piece):
    """Coefficients around the middle of a piece, in units of its length, and the error of the gap."""
    low = max(0.0, piece - 0.5)
    high = min(TABLE_PIECES - 1.0, piece + 0.5)
    middle, half = (low + high) / 2, (high - low) / 2

    def place(v):
        return (middle + half * v) * end / (TABLE_PIECES - 1)

    around_middle = powers(chebyshev(lambda v: function(place(v)), TABLE_DEGREE))
    # v = (t - shift) / half, with t counted from the piece's number
    shift = middle - piece
    total = [0.0] * (TABLE_DEGREE + 1)
    for power, coefficient in enumerate(around_middle):
        for i in range(power + 1):
            total[i] += coefficient * math.comb(power, i) * (-shift) ** (power - i) / half**power
    return total, tail_errors(around_middle, function, place)


def tail_errors(coefficients, function, place):
    """The worst error of the tail and the worst one of the gap, which is the argument's amount times that."""
    tail, gap = 0.0, 0.0
    for i in range(4001):
        v = -1 + i / 2000
        error = abs(sum(c * v**j for j, c in enumerate(coefficients)) - function(place(v)))
        tail, gap = max(tail, error), max(gap, error * place(v))
    return tail, gap


def print_errors(errors, function, end):
    tail, gap = max(e[0] for e in errors), max(e[1] for e in errors)
    print(f"/// Its own error: {tail:.1e}, of the gap {gap:.1e}, and {end * function(end):.1e} of the gap beyond the end.")


def print_tail_table(name, function, end):
    pieces = [tail_piece(function, end, i) for i in range(TABLE_PIECES)]
    print_errors([errors for _, errors in pieces], function, end)
    print(f"inline constexpr TailTable {name} = {{.end = {end}F, .terms = {{")
    for power in range(TABLE_DEGREE + 1):
        print("    {" + ", ".join(as_float(piece[power]) for piece, _ in pieces) + "},")
    print("}};\n")


def print_tail_polynomial(name, function, end):
    def place(u):
        return end * (u + 1) / 2

    terms = powers(chebyshev(lambda u: function(place(u)), GELU_DEGREE))
    print_errors([tail_errors(terms, function, place)], function, end)
    print(f"inline constexpr TailPolynomial {name} = {{.end = {end}F, .terms = {{")
    print("    " + ", ".join(as_float(term) for term in terms))
    print("}};\n")


def main():
    def slope(u):
        return math.expm1(u / 2 * math.log(2)) / (u / 2) if u else math.log(2)

    # in powers of f = u / 2
    slopes = [c * 2**j for j, c in enumerate(powers(chebyshev(slope, EXP2_DEGREE - 1)))]
    print("#pragma once\n")
    print("// Made by tools/make_polynomials.py; change that, not this.\n")
    print("namespace paceline {\n")
    print("/// (max(x, 0) - f(x)) / |x|, which depends on |x| alone, for an activation f: in powers of")
    print("/// u = 2 min(|x|, end) / end - 1, lowest first.")
    print(f"struct TailPolynomial {{\n  float end;\n  float terms[{GELU_DEGREE + 1}];\n}};\n")
    print(f"/// The same in {TABLE_PIECES} pieces: t = {TABLE_PIECES - 1} min(|x|, end) / end belongs to the piece of the nearest integer;")
    print("/// powers of t less that, lowest first, each of all pieces.")
    print(f"struct TailTable {{\n  float end;\n  alignas(64) float terms[{TABLE_DEGREE + 1}][{TABLE_PIECES}];\n}};\n")
    print_tail_polynomial("kGeluTail", gelu_tail, GELU_END)
    print_tail_polynomial("kGeluTanhTail", gelu_tanh_tail, GELU_TANH_END)
    print_tail_table("kGeluTable", gelu_tail, TABLE_END)
    print_tail_table("kGeluTanhTable", gelu_tanh_tail, TABLE_TANH_END)
    print("/// (2^f - 1) / f for f in [-0.5, 0.5], in powers of f, lowest first.")
    print(f"/// Its own error: {worst_power_error(slopes):.1e} relative.")
    print(array("kExp2Slope", slopes) + "\n")
    print("}  // namespace paceline")


if __name__ == "__main__":
    main()
