"""Sums that are exact, of floats that come and go: what is left says nothing of what was there before."""

from __future__ import annotations

from math import sqrt


class Exact:
    """A sum as a whole number of units, which are as small as any of its values needs."""

    __slots__ = ("_bits", "_total", "_unit")

    def __init__(self) -> None:
        self._bits = 0  # the unit is 2 ** -bits: 1 / _unit
        self._unit = 1
        self._total = 0

    def add(self, value: float, sign: int = 1) -> None:
        """Takes a value in, or with -1 out."""
        over, under = value.as_integer_ratio()
        coarser = self._bits - under.bit_length() + 1
        if coarser < 0:
            self._refine(-coarser)
            coarser = 0
        self._total += sign * over << coarser

    def _refine(self, bits: int) -> None:
        self._total <<= bits
        self._bits += bits
        self._unit <<= bits

    def __float__(self) -> float:
        return self._total / self._unit


class ExactSpread(Exact):
    """Also the sum of the squares."""

    __slots__ = ("_squares",)

    def __init__(self) -> None:
        super().__init__()
        self._squares = 0

    def add(self, value: float, sign: int = 1) -> None:
        """Takes a value in, or with -1 out."""
        over, under = value.as_integer_ratio()
        coarser = self._bits - under.bit_length() + 1
        if coarser < 0:
            self._refine(-coarser)
            coarser = 0
        units = over << coarser
        self._total += sign * units
        self._squares += sign * units * units

    def _refine(self, bits: int) -> None:
        super()._refine(bits)
        self._squares <<= 2 * bits

    def deviation(self, count: int) -> float:
        """The standard deviation of so many values, which are the whole population."""
        return sqrt((count * self._squares - self._total**2) / (count * self._unit) ** 2)
