"""What people and attackers put into files and parameters: strategies for the tests that throw it at costlib."""

import math

from hypothesis import strategies as st

# Text that would do something on a page, in a spreadsheet, in a shell, in a path or in a parser.
HOSTILE = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</td></tr></table>", "<!--", "&lt;b&gt;", "&#60;i",
    "[x](javascript:alert(1))", "![x](http://example.org/a.png)", "<http://example.org>", "**bold** _it_ ~~no~~",
    "`code` ``two``", "$x^{2}$", "$$\\int$$", r"\input{/etc/passwd}", r"\(x\)", "{{ book }}", "{eval-rst}`x`",
    "{ref}`nowhere`", "{download}`/etc/passwd`", "```{include} /etc/passwd\n```", ":::{raw} html\n<b>x</b>\n:::",
    "```{eval-rst}\n.. include:: /etc/passwd\n```", "% comment", "+++", "(target)=", "[^1]", "# head", "- item",
    "1. one",
    "| a | b |", "=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1", "=HYPERLINK(\"http://example.org\")", "=cmd|'/c calc'!A1",
    "＝1+1", "  =1+1", "'; DROP TABLE requests; --", '"; COPY', "../../etc/passwd", "/etc/passwd", "..", ".", "a/b",
    "a\\b", "~", "*.csv", "CON", "%s%n", "{0}", "$(id)", "`id`", "!!python/object/apply:os.system [id]", "&a [*a]",
    "null", "None", "NA", "nan", "true", "no", "\u202egnp.exe", "\u200b", "\ufeff", "\xa0", "e\u0301", "\U0001f4b8",
    "x" * 5000, "", " ", "\x00", "\x1b[31m", "\x07", "a\nb", "a\rb", "\u2028", "a,b", 'a"b', '"', ";", "|", "a|b",
)  # fmt: skip
TEXTS = st.sampled_from(HOSTILE) | st.text(max_size=40)
_STYLES = (
    "{0}", "{0:,}", "{0}.0", "{0:.2e}", "{0},5", "{0}.000", "{0}.000,5", "{0}%", "${0}", "{0} USD", "€{0}", "{0:_}",
    "0{0}", "00{0}", "0x{0}", "{0}/2", "1:{0}", "{0} {0}", "1 {0:03}", "1\xa0{0:03}", "1'{0:03}", "-{0}", "--{0}",
    "+{0}",
    "({0})", "{0}-", "{0}e400", "{0}e-400", "{0}e", "e{0}", "{0}..5", "{0}.", ".{0}", "~{0}", "<{0}", "{0}k", "{0} M",
    "{0}b", "{0}±1", "{0}²", " {0} ", "\t{0}", '"{0}"', "{0}\x00", "{0}\n", "{0}j", "{0}n", "{0}L", "{0}d",
    "{0} tokens",
    "1,{0:03}", "1,{0:02}", "1.{0:03}", "{0};5", "−{0}", "{0}e3", "１{0}", "٣", "½", "Ⅻ", "一", "nan", "NaN", "-nan",
    "inf",
    "-Infinity", "INF", ".inf", ".nan", "NA", "N/A", "null", "None", "#REF!", "1e400", "9" * 400, "9" * 5000,
    "0" * 5000,
    "0e999999999", "1e999999999", "", "TRUE", "yes", "2026-11-01",
)  # fmt: skip


@st.composite
def numbers(draw) -> str:
    """A number in one of the ways in which people, programs and pranksters write it, or no number at all."""
    value = draw(st.integers(0, 3000))
    return draw(st.sampled_from(_STYLES)).format(value)


CELLS = numbers() | TEXTS


def as_read(text: str) -> float:
    """The number that everybody reads in `text`; nan where not everybody does. Knows nothing of costlib."""
    if not text or set(text) - set("0123456789.+-eE"):
        return math.nan
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def csv_text(rows) -> str:
    """Rows of cells as a CSV file, quoted where needed; Python's writer leaves a carriage return without quotes."""
    quoted = {cell: '"' + cell.replace('"', '""') + '"' for row in rows for cell in row if set(cell) & set(',"\r\n')}
    cells = ([quoted.get(cell, cell) for cell in row] for row in rows)
    return "".join(f"{','.join(row)}\n" for row in cells)


@st.composite
def files(draw, good: str) -> bytes:
    """The file `good`, broken somewhere: bytes, lines, cells, columns, encoding."""
    lines = good.splitlines()
    way = draw(st.sampled_from(("bytes", "lines", "columns", "encoding", "cut", "quote", "twice", "random")))
    at = draw(st.integers(0, len(lines) - 1))
    if way == "bytes":
        raw = bytearray(good.encode())
        for _ in range(draw(st.integers(1, 3))):
            raw[draw(st.integers(0, len(raw) - 1))] = draw(st.integers(0, 255))
        return bytes(raw)
    if way == "lines":
        lines.insert(at, draw(TEXTS))
    elif way == "columns":
        lines = [line + "," + draw(st.sampled_from(("", "x", line.split(",")[0]))) for line in lines]
    elif way == "encoding":
        text = draw(
            st.sampled_from((good, good.replace("\n", "\r\n"), good.replace("\n", "\r"), good + "\n\n", "é" + good))
        )
        return text.encode(
            draw(st.sampled_from(("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "utf-7")))
        )
    elif way == "cut":
        return good.encode()[: draw(st.integers(0, len(good)))]
    elif way == "quote":
        lines[at] = lines[at].replace(",", ',"', 1)
    elif way == "twice":
        lines.append(lines[at])
    else:
        return draw(st.binary(max_size=200))
    return "\n".join(lines).encode("utf-8", "surrogatepass")
