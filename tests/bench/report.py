"""What was found, as a table for the terminal, Markdown and JSON."""
import json
import os
import platform

COLUMNS = ("case", "ours: min / median / max", "against", "min / median / max", "ratio", "to reach",
           "", "our CPU s", "peak MB", "own MB", "their CPU s", "peak MB", "own MB")


def seconds(value):
    """Three digits, in the unit that suits."""
    for unit, factor in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if value * factor >= 1:
            break
    value *= factor
    return f"{value:.3g} {unit}" if value < 1000 else f"{value:.0f} {unit}"


def plain(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def spread(samples, show):
    return " / ".join(show(value) for value in samples.spread) if samples else ""


class Row:
    """One line: our figure against another one.

    ratio is how often ours is better (at_least) or larger (at_most); show
    turns a value into text; uses, other_uses: what the servers used, or None."""

    def __init__(self, topic, case, ours, name, other, ratio, at_least=None, at_most=None,
                 show=seconds, uses=None, other_uses=None, note=""):
        self.topic, self.case, self.ours, self.name, self.other = topic, case, ours, name, other
        self.ratio, self.at_least, self.at_most = ratio, at_least, at_most
        self.show, self.uses, self.other_uses, self.note = show, uses, other_uses, note

    @property
    def target(self):
        if self.at_least is not None:
            return f"{self.at_least:g} or more"
        return f"{self.at_most:g} or less" if self.at_most is not None else ""

    @property
    def reached(self):
        """None: there is nothing to reach."""
        if self.at_least is not None:
            return self.ratio >= self.at_least
        return self.ratio <= self.at_most if self.at_most is not None else None

    def cells(self):
        verdict = {True: "yes", False: "NO", None: ""}[self.reached]
        uses = [cell for usage in (self.uses, self.other_uses)
                for cell in (usage.cells() if usage else ("", "", ""))]
        return (self.case, spread(self.ours, self.show), self.name, spread(self.other, self.show),
                f"{self.ratio:.3g}", self.target, verdict, *uses)

    def as_dict(self):
        return {"topic": self.topic, "case": self.case, "ours": self.ours.values,
                "against": self.name, "other": self.other.values if self.other else [],
                "ratio": self.ratio, "at_least": self.at_least, "at_most": self.at_most,
                "reached": self.reached, "note": self.note,
                "uses": self.uses.as_dict() if self.uses else {},
                "other_uses": self.other_uses.as_dict() if self.other_uses else {}}


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
        model = next((line.split(":")[1].strip() for line in cpuinfo
                      if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} cores, {model}, Linux {platform.release()}"


class Report:
    def __init__(self, title):
        self.title, self.rows, self.failures = title, [], []

    def add(self, row):
        self.rows.append(row)
        print("  " + " | ".join(cell for cell in row.cells() if cell), flush=True)

    def fail(self, topic, why):
        self.failures.append(f"{topic}: {why}")
        print(f"  FAILED: {why}", flush=True)

    def topics(self):
        return list(dict.fromkeys(row.topic for row in self.rows))

    def terminal(self):
        """Columns as wide as their widest cell."""
        table = [COLUMNS, *(row.cells() for row in self.rows)]
        widths = [max(len(cells[i]) for cells in table) for i in range(len(COLUMNS))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip()
                 for cells in table]
        return "\n".join([self.title, "", *lines, *self.last_lines()])

    def markdown(self):
        lines = [f"{self.title}", ""]
        for topic in self.topics():
            rows = [row for row in self.rows if row.topic == topic]
            lines += [f"### {topic}", "", "| " + " | ".join(COLUMNS) + " |",
                      "|" + "---|" * len(COLUMNS)]
            lines += ["| " + " | ".join(row.cells()) + " |" for row in rows]
            lines += ["", *(f"{row.case}: {row.note}" for row in rows if row.note), ""]
        return "\n".join([*lines, *self.last_lines(), ""])

    def last_lines(self):
        missed = [row.case for row in self.rows if row.reached is False]
        reached = sum(row.reached is True for row in self.rows)
        return ["", f"{reached} of {reached + len(missed)} figures are reached"
                    f"{'; not: ' + ', '.join(missed) if missed else ''}.",
                *(f"FAILED, so it does not count: {failure}" for failure in self.failures)]

    def write(self, folder):
        (folder / "report.md").write_text(self.markdown())
        rows = [row.as_dict() for row in self.rows]
        (folder / "report.json").write_text(json.dumps(
            {"title": self.title, "rows": rows, "failures": self.failures}, indent=1))
