# SPDX-License-Identifier: Apache-2.0
"""PDQ from its description, by whole-array arithmetic in double precision: written for clarity, and
independent of the program under test. Where a frequency lies within rounding of the median its bit
may be the other one, so fingerprints are compared by their distance."""

import numpy


def box_means(values, window):
    """Along the last axis: the mean of the samples within the window, cut off at the ends."""
    length = values.shape[-1]
    sums = numpy.concatenate([numpy.zeros_like(values[..., :1]), values.cumsum(-1)], -1)
    places = numpy.arange(length)
    ahead = window // 2
    first = numpy.maximum(places - (window - 1 - ahead), 0)
    last = numpy.minimum(places + ahead, length - 1) + 1
    return (sums[..., last] - sums[..., first]) / (last - first)


def cells(picture):
    """The picture's luma, blurred, at the centres of 64 by 64 cells."""
    luma = numpy.asarray(picture.convert("RGB"), float) @ [0.299, 0.587, 0.114]
    height, width = luma.shape
    if (height, width) == (64, 64):
        return luma
    for _ in range(2):
        luma = box_means(luma, -(-width // 128))
        luma = box_means(luma.T, -(-height // 128)).T
    rows, columns = (((numpy.arange(64) + 0.5) * side / 64).astype(int) for side in (height, width))
    return luma[rows][:, columns]


def fingerprint(picture):
    """(64 hexadecimal digits, quality) of a Pillow picture of at most 512 pixels a side."""
    taken = cells(picture)
    steps = [((one - other) * 100 / 255).astype(int) for one, other in
             ((taken[1:], taken[:-1]), (taken[:, 1:], taken[:, :-1]))]
    quality = min(100, sum(int(numpy.abs(each).sum()) for each in steps) // 90)
    turn = numpy.sqrt(2 / 64) * numpy.cos(
        numpy.pi / 128 * numpy.outer(numpy.arange(1, 17), 2 * numpy.arange(64) + 1))
    frequencies = (turn @ taken @ turn.T).ravel()
    above = frequencies > numpy.sort(frequencies)[127]
    return f"{sum(1 << int(bit) for bit in above.nonzero()[0]):064x}", quality


def distance(one, other):
    """Of two fingerprints in hexadecimal digits."""
    return (int(one, 16) ^ int(other, 16)).bit_count()
