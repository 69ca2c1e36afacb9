"""Minimum, median, maximum."""
import statistics


class Samples:
    """One figure, measured several times."""

    def __init__(self, values=()):
        self.values = list(values)

    def add(self, value):
        self.values.append(value)

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def spread(self):
        return min(self.values), self.median, max(self.values)


def median_of_ratios(ours, theirs):
    """Of what was measured side by side."""
    return statistics.median(a / b for a, b in zip(ours.values, theirs.values, strict=True))


def percentile(values, percent):
    """The smallest value that so many percent of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
