# SPDX-License-Identifier: MIT
"""CSV parsing against files written by the standard csv module, and every refusal."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtch.data import columns, table
from rtch.data.columns import Categories, Numbers
from rtch.data.table import parse
from rtch.errors import DataError

EXAMPLES = Path(__file__).parents[2] / "examples"
FILE = Path("some.csv")

finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
plain_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


def written(rows: list[list[str]], **options: object) -> bytes:
    stream = io.StringIO(newline="")
    csv.writer(stream, **options).writerows(rows)  # type: ignore[arg-type]
    return stream.getvalue().encode()


def refusal(content: bytes, target: str = "y", **options: object) -> DataError:
    with pytest.raises(DataError) as caught:
        parse(content, FILE, target, **options)  # type: ignore[arg-type]
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("read_csv: ")
    return caught.value


@given(
    st.lists(st.tuples(finite, finite, plain_text), min_size=1, max_size=12),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from([("\r\n", csv.QUOTE_MINIMAL), ("\r\n", csv.QUOTE_ALL), ("\n", csv.QUOTE_ALL)]),
    st.booleans(),
)
def test_what_the_csv_module_writes_reads_back(
    rows: list[tuple[float, float, str]], delimiter: str, ends: tuple[str, int], bom: bool
) -> None:
    """Numbers come back as the same float64 and texts as the same category, whatever needs quoting."""
    content = written(
        [["a", "t", "y"], *[[repr(a), "text" + t, repr(y)] for a, y, t in rows]],
        delimiter=delimiter,
        lineterminator=ends[0],
        quoting=ends[1],
    )
    result = parse((b"\xef\xbb\xbf" if bom else b"") + content, FILE, "y", delimiter=delimiter)
    a, t, y = result.columns
    assert isinstance(a, Numbers)
    assert isinstance(t, Categories)
    assert isinstance(y, Numbers)
    assert [repr(row[0]) for row in rows] == [repr(value) for value in a.values]
    assert [repr(row[1]) for row in rows] == [repr(value) for value in y.values]
    assert [("text" + row[2]).strip() for row in rows] == [t.categories[code] for code in t.codes]
    assert result.n_rows == len(rows)


def test_the_messy_example_reads_as_described() -> None:
    """BOM, CRLF, quotes, line breaks in cells, spaces in names, missing cells and a constant column."""
    content = (EXAMPLES / "houses_messy.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    assert b"\r\n" in content
    result = parse(content, FILE, "Sale price", ignore=["House id", "Agent's note"])
    names = [column.name for column in result.columns]
    assert names == [
        "Lot area (m²)",
        "Year built",
        "Heating, main",
        "Bathrooms",
        "Condition",
        "Country code",
        "Sale price",
    ]
    area, year, heating, bathrooms, condition, country, price = result.columns
    assert isinstance(heating, Categories)
    assert heating.categories == ("District", "Gas, condensing", "Heat\npump", "Oil")
    assert isinstance(condition, Categories)
    assert condition.categories == ("fair", "good", "poor")
    assert isinstance(area, Numbers)
    assert area.values[3] == 512.0
    assert area.values[10] == 1050.0
    assert isinstance(bathrooms, Numbers)
    assert isinstance(year, Numbers)
    assert len(year.missing) > 0
    assert len(bathrooms.missing) > 0
    assert -1 in heating.codes
    assert isinstance(country, Numbers)
    assert set(country.values) == {1.0}
    assert isinstance(price, Numbers)
    assert price.missing == []
    assert result.n_rows == 120
    assert result.sha256 == hashlib.sha256(content).hexdigest()


def test_the_diabetes_example_is_scikit_learns_data() -> None:
    """442 rows, 10 features; the sums are those of load_diabetes(scaled=False)."""
    result = parse((EXAMPLES / "diabetes.csv").read_bytes(), FILE, "progression")
    assert result.n_rows == 442
    assert [column.name for column in result.columns] == [
        "age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6", "progression",
    ]  # fmt: skip
    sums = [math.fsum(column.values) for column in result.columns if isinstance(column, Numbers)]
    expected = [
        21445.0, 649.0, 11658.1, 41833.98, 83600.0, 51024.1, 22006.5, 1799.05, 2051.5036, 40337.0, 67243.0,
    ]  # fmt: skip
    assert sums == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("cell", ["", "  ", "NA", "na", "N/A", "n/a", "null", "NULL", "None", "?", " ? "])
def test_missing_spellings(cell: str) -> None:
    """Each spelling leaves a numeric column numeric, with the row marked missing."""
    result = parse(written([["x", "y"], ["1", "1"], [cell, "2"]]), FILE, "y")
    assert result.columns[0] == Numbers("x", [1.0, 0.0], [1])


@pytest.mark.parametrize("cell", ["1_000", "0x10", "1e", "١", "1,5", "--1", "1 2", "e5", "."])
def test_only_plain_ascii_decimals_are_numbers(cell: str) -> None:
    """What is not a plain decimal makes the column categorical; nothing is guessed."""
    column = parse(written([["x", "y"], ["1", "1"], [cell, "2"]]), FILE, "y").columns[0]
    assert isinstance(column, Categories)
    assert set(column.categories) == {"1", cell}


@pytest.mark.parametrize("cell", ["5", "-5.", ".5", "+5e-3", "5E+2", " 5 ", "0005"])
def test_number_spellings(cell: str) -> None:
    """Signs, bare fractions, exponents, spaces and leading zeros read as Python's float reads them."""
    column = parse(written([["x", "y"], [cell, "1"]]), FILE, "y").columns[0]
    assert column == Numbers("x", [float(cell)], [])


@pytest.mark.parametrize("cell", ["nan", "NaN", "inf", "-inf", "Infinity"])
def test_non_finite_feature_is_refused(cell: str) -> None:
    """A literal NaN or infinity in a numeric column names its row, line and column."""
    error = refusal(written([["x", "y"], ["1", "1"], [cell, "2"]]))
    assert "row 2 (line 3), column 'x'" in str(error)
    assert (error.row, error.column, error.path) == (2, "x", FILE)


@pytest.mark.parametrize(
    ("cell", "rule"),
    [
        ("", "missing"),
        ("NA", "missing"),
        ("high", "'high' is not a number"),
        ("nan", "not a finite number"),
        ("inf", "not a finite number"),
        ("1e39", "too large for float32"),
        ("-1e999", "too large for float32"),
    ],
)
def test_target_must_be_a_number(cell: str, rule: str) -> None:
    """A target that is missing, text or out of range names its row, line and column."""
    error = refusal(written([["x", "y"], ["1", "1"], ["2", "1"], ["3", cell]]))
    assert rule in str(error)
    assert "row 3 (line 4), column 'y'" in str(error)
    assert (error.row, error.column) == (3, "y")


def test_largest_float32_is_accepted_and_the_next_step_is_not() -> None:
    """The limit is the value from which rounding to float32 gives infinity."""
    assert parse(b"x,y\n3.4028235e38,1\n", FILE, "y").columns[0] == Numbers("x", [3.4028235e38], [])
    assert "too large for float32" in str(refusal(b"x,y\n3.4028236e38,1\n"))


def test_lines_are_counted_through_quoted_line_breaks() -> None:
    """The line in a message is the one an editor shows, where the record begins."""
    error = refusal(b'x,t,y\n1,"a\nb\nc",1\n\n2,d,oops\n')
    assert "row 2 (line 6), column 'y'" in str(error)


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"", ["is empty"]),
        (b"\n\n", ["is empty"]),
        (b"\xef\xbb\xbf", ["is empty"]),
        (b"x,y\n", ["header and no rows"]),
        (b"x,y\n1,2\n1,2,3\n", ["row 2 (line 3)", "expected 2 cells", "got 3"]),
        (b"x,y\n1\n", ["row 1 (line 2)", "expected 2 cells", "got 1"]),
        (b"x,x,y\n1,2,3\n", ["'x' occurs more than once"]),
        (b"x, x ,y\n1,2,3\n", ["'x' occurs more than once"]),
        (b"x,,y\n1,2,3\n", ["column 2 of the header has no name"]),
        (b"y\n1\n", ["no feature beside the target"]),
        (b"x,Y\n1,2\n", ["no column 'y'", "did you mean 'Y'?"]),
        (b"x;y\n1;2\n", ["no column 'y'", "';'", "delimiter"]),
        (b'x,y\n"1,2\n', ["line 2", "broken CSV"]),
        (b'x,y\n"1"a,2\n', ["line 2", "broken CSV"]),
        (b"x,y\n\xff,2\n", ["line 2", "byte 0xff is not utf-8"]),
    ],
)
def test_broken_files(content: bytes, parts: list[str]) -> None:
    """Each gives one line that says what is wrong and where."""
    message = str(refusal(content))
    for part in parts:
        assert part in message


def test_missing_target_is_suggested() -> None:
    """A misspelt target is answered with the nearest column and the list of columns."""
    error = refusal((EXAMPLES / "diabetes.csv").read_bytes(), "progresion")
    assert "did you mean 'progression'?" in str(error)
    assert "'bmi'" in str(error)
    assert error.column == "progresion"


def test_ignored_columns() -> None:
    """Ignored columns are never parsed; a misspelt one is refused, and so is the target."""
    content = b",x,y,junk\nid1,1,2,nan\n"
    assert [c.name for c in parse(content, FILE, "y", ignore=["", "junk"]).columns] == ["x", "y"]
    assert "did you mean 'junk'?" in str(refusal(content, ignore=["Jank"]))
    assert "target" in str(refusal(content, ignore=["y"]))


def test_too_many_categories(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit on categories names the column, the count and the two ways out."""
    monkeypatch.setattr(columns, "MAX_CATEGORIES", 3)
    rows = [["t", "y"], *[[f"name {i}", "1"] for i in range(4)]]
    message = str(refusal(written(rows)))
    assert "'t' holds 4 different texts, the limit is 3" in message
    assert "ignore" in message
    assert len(parse(written(rows[:4]), FILE, "y").columns) == 2


def test_other_encodings() -> None:
    """A named encoding is used; an unknown one is refused."""
    content = "größe,y\n1,2\n".encode("latin-1")
    assert parse(content, FILE, "y", encoding="latin-1").columns[0].name == "größe"
    assert "is not utf-8" in str(refusal(content))
    assert "cannot decode" in str(refusal(content, encoding="klingon"))


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n"])
def test_delimiter_must_be_one_character(delimiter: str) -> None:
    """Anything the csv module can't use as a delimiter is refused before reading."""
    assert "delimiter" in str(refusal(b"x,y\n1,2\n", delimiter=delimiter))


def test_unreadable_paths(tmp_path: Path) -> None:
    """A missing file, a folder, a path below a file and a device each say what they are."""
    file = tmp_path / "f.csv"
    file.write_bytes(b"x,y\n1,2\n")
    assert file.read_bytes() == table.read_bytes(file)
    for path, part in [
        (tmp_path / "no.csv", "no such file"),
        (tmp_path, "not a regular file"),
        (file / "below.csv", "Not a directory"),
        (Path("/dev/null"), "not a regular file"),
    ]:
        with pytest.raises(DataError, match=part) as caught:
            table.read_bytes(path)
        assert caught.value.path == path


@given(st.lists(st.text("0123456789.eE+-_naifINF \t١x", max_size=6), min_size=1, max_size=4))
def test_fast_columns_are_read_as_slow_ones(cells: list[str]) -> None:
    """The short cut for plain numbers takes nothing that the rule for cells would not take."""
    values = columns._plain_numbers(cells)
    matches = [columns._NUMBER.fullmatch(cell.strip()) is not None for cell in cells]
    if values is not None:
        assert all(matches)
        assert values == [float(cell) for cell in cells]
    elif all(matches):
        assert max(abs(float(cell)) for cell in cells) > 3e38


@given(st.binary(max_size=200))
def test_any_bytes_give_a_table_or_a_data_error(content: bytes) -> None:
    """No input makes the parser raise anything else."""
    try:
        result = parse(b"x,y\n" + content, FILE, "y")
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert result.n_rows >= 1


@pytest.fixture
def field_limit() -> Iterator[None]:
    """The csv module's limit, put back."""
    before = csv.field_size_limit(131_072)
    yield
    csv.field_size_limit(before)


@pytest.mark.usefixtures("field_limit")
@pytest.mark.parametrize("limit", [131_072, 2**22])
def test_a_cell_has_at_most_a_mebi_of_characters(limit: int) -> None:
    """Whatever the csv module's own limit is; the refusal names ours, and the line."""
    csv.field_size_limit(limit)
    longest = "a" * table.MAX_CELL_CHARS
    result = parse(f"t,x,y\n{longest},1,1\nb,2,2\n".encode(), FILE, "y", ignore=["t"])
    assert 2 == result.n_rows
    error = refusal(f"t,x,y\nb,2,2\n{longest}a,1,1\n".encode(), ignore=["t"])
    assert "line 3: a cell has more than 1048576 characters" in str(error)
