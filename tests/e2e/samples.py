"""What pages and examples say that programs print, compared with what they print.

"..." stands for anything within a line; a line that is nothing else stands for any
number of lines. (folded() is for tables, the widths of whose columns do not matter.)

A page's samples are its blocks with the word "console", and the name of the terminal
that the reader types into:

    ```console you
    $ postcli health
    {"service":"","status":"SERVING"}
    ```

A line "$ ..." is typed, with the lines after it that end a "\\" or are begun by "> ".
What stands below is printed. The last command of a block may still run when the next
block of another terminal begins; "^C" in a later block of its terminal ends it."""
import re
from dataclasses import dataclass, field

BLOCK = re.compile(r"^```console (\w+)\n(.*?)^```$", re.M | re.S)


def pattern(lines):
    parts = ("(?:.*\n)*" if line.strip() == "..." else
             "[^\n]*".join(map(re.escape, line.split("..."))) + "\n" for line in lines)
    return re.compile("".join(parts))


def folded(text):
    return re.sub(r"(?<=\S) {2,}", "  ", re.sub(r" +$", "", text, flags=re.M))


@dataclass
class Step:
    """What is typed, or "" for what else a command says that runs; and what it says."""
    terminal: str
    line: int
    typed: str
    shown: list = field(default_factory=list)
    stays: bool = False  # it runs on until ^C

    @property
    def pattern(self):
        """Of what was printed, folded."""
        return pattern([folded(line) for line in self.shown])


def steps(page):
    """All steps of a page, in order."""
    result = []
    for block in BLOCK.finditer(page):
        line = page.count("\n", 0, block.start(2))
        result += steps_of_block(block[1], line + 1, block[2].splitlines())
    for i, step in enumerate(result):
        later = next((s for s in result[i + 1:] if s.terminal == step.terminal), None)
        # What is said behind another block may be the last that the page has of a command.
        step.stays = step.typed == "" if later is None else \
            step.typed != "^C" and later.typed in ("", "^C")
    return result


def steps_of_block(terminal, first_line, lines):
    result, continued = [], False
    for number, text in enumerate(lines, first_line):
        if text.startswith("$ ") or text == "^C":
            result.append(Step(terminal, number, text.removeprefix("$ ")))
        elif continued or (result and text.startswith("> ") and not result[-1].shown):
            result[-1].typed += "\n" + text.removeprefix("> ")
        else:
            if not result:
                result.append(Step(terminal, number, ""))
            result[-1].shown.append(text)
        continued = not result[-1].shown and result[-1].typed.endswith("\\")
    return result
