"""How the package is written, measured: `python tests/style.py` prints the figures, `test_style.py` holds the limits.

Measured is the exported code, package by package: characters of a function's body without its docstring, syntax nodes
on a line, arguments, public names, lines of a module, width of lines. `__all__` is written by nbdev and is left out.
"""

import ast
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "microplastic_aging"


def quantile(values, share):
    "The value that `share` of the values lie at or below, 0 where there is none"
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0


@dataclass
class Module:
    "What one module looks like"

    name: str
    lines: int
    bodies: list = field(default_factory=list)  # Characters of each function's body
    nodes: list = field(default_factory=list)  # Syntax nodes of each line
    arguments: dict = field(default_factory=dict)  # Function -> number of arguments, self left out
    public: list = field(default_factory=list)
    wide: list = field(default_factory=list)  # Numbers of lines over 120 characters

    @property
    def package(self):
        return self.name.split(".")[0]


def has_docstring(function):
    first = function.body[0]
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)


def body_length(function, lines):
    "Characters from the first statement to the last, as they stand in the file"
    body = function.body[has_docstring(function) :]
    return len("\n".join(lines[body[0].lineno - 1 : body[-1].end_lineno])) if body else 0


def is_command(function):
    "Commands are left out of the limit on arguments: typer makes an option of each"
    return any("app.command" in ast.unparse(d) for d in function.decorator_list)


def argument_count(function):
    a = function.args
    names = [x.arg for x in (*a.posonlyargs, *a.args, *a.kwonlyargs)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def measure(path):
    "One module"
    source = path.read_text(encoding="utf-8")
    tree, lines = ast.parse(source), source.split("\n")
    generated = re.search(r"^__all__ = \[.*?\]", source, re.S | re.M)
    skipped = range(0)
    public = []
    if generated:
        public = ast.literal_eval(generated[0].split("=", 1)[1].strip())
        first = source[: generated.start()].count("\n")
        skipped = range(first, first + generated[0].count("\n") + 1)
    name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    found = Module(name, source.count("\n"), public=public)
    found.wide = [i + 1 for i, line in enumerate(lines) if len(line) > 120 and i not in skipped]
    found.nodes = list(Counter(n.lineno for n in ast.walk(tree) if hasattr(n, "lineno")).values())
    for function in ast.walk(tree):
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found.bodies.append(body_length(function, lines))
            if not is_command(function):
                found.arguments[function.name] = max(argument_count(function), found.arguments.get(function.name, 0))
    return found


def modules():
    "All modules, in alphabetical order"
    written = (p for p in sorted(PACKAGE.rglob("*.py")) if p.name != "_modidx.py")
    paths = [p for p in written if p.name != "__init__.py" or "__all__" in p.read_text(encoding="utf-8")]
    return [measure(p) for p in paths]


def exported_twice(found):
    "Public names of several modules; the front door exports names again on purpose"
    names = Counter(name for m in found if m.name != "all" for name in m.public)
    return sorted(name for name, n in names.items() if n > 1)


def prose_density():
    "Page -> words of prose per 1000 characters of exported code"
    out = {}
    for path in sorted((ROOT / "nbs").rglob("*.ipynb")):
        if any(part.startswith((".", "_")) for part in path.relative_to(ROOT / "nbs").parts):
            continue
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = [
            s for c in cells if (s := "".join(c["source"])) and c["cell_type"] == "code" and s.startswith("#| export")
        ]
        words = sum(len("".join(c["source"]).split()) for c in cells if c["cell_type"] == "markdown")
        exported = sum(map(len, code))
        if exported > 1000:
            out[path.relative_to(ROOT / "nbs").as_posix()] = 1000 * words / exported
    return out


def row(name, group):
    "Figures of some modules, as text"
    bodies = [b for m in group for b in m.bodies]
    nodes = [n for m in group for n in m.nodes]
    cells = (
        sum(m.lines for m in group),
        f"{quantile(bodies, 0.5)}/{quantile(bodies, 0.9)}",
        f"{quantile(nodes, 0.5)}/{quantile(nodes, 0.9)}",
        max(n for m in group for n in [*m.arguments.values(), 0]),
        sum(len(m.public) for m in group if m.name != "all"),
        sum(len(m.wide) for m in group),
    )
    return f"{name:14}" + "".join(f"{c!s:>14}" for c in cells)


def main():
    found = modules()
    head = ("lines", "body 50/90 %", "nodes 50/90 %", "arguments", "public", "wide")
    print(f"{'':14}" + "".join(f"{c:>14}" for c in head))
    for package in dict.fromkeys(m.package for m in found):
        print(row(package, [m for m in found if m.package == package]))
    print(row("all of it", found))
    long = [f"{m.name} {m.lines}" for m in found if m.lines > 400]
    many = [f"{m.name}.{name} {n}" for m in found for name, n in m.arguments.items() if n > 6]
    thin = [f"{page} {density:.0f}" for page, density in prose_density().items() if density < 40]
    print(f"over 400 lines: {', '.join(long) or 'none'}\nover 6 arguments: {', '.join(many) or 'none'}")
    print(
        f"exported twice: {', '.join(exported_twice(found)) or 'none'}\nless than 40 words: {', '.join(thin) or 'none'}"
    )


if __name__ == "__main__":
    main()
