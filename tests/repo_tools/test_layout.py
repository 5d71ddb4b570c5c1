"""Tables in narrow terminals: nothing is cut in the middle of a word that could stand whole."""

from io import StringIO

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from repo_tools import layout
from repo_tools.output import Sheet, left_out, straight, wrapped

ORDERS = [
    ["wave", "canary", "early"],
    ["share", "up to 5 %", "up to 25 %"],
    ["rollout", "stable-0001", "stable-0001"],
    ["state", "go, complete, recalls >=1.5.0,<=1.5.3", "go"],
    ["until", "11-29 14:25Z", "-"],
]


def test_where_there_is_room_every_cell_stands_on_one_line():
    """Pipes and wide terminals get the table as it is."""
    assert layout.shown(ORDERS, [1, 0], 400) == [0, 1, 2, 3, 4]
    assert layout.widths(ORDERS, 400) == [6, 10, 11, 37, 12]


def test_the_widest_cells_wrap_first_and_words_stay_whole():
    """Ids and ranges are read as one; sentences may take two lines."""
    found = layout.widths(ORDERS, 72)
    assert sum(found) + layout.GAP * 4 <= 72
    assert (found[0], found[2], found[3] >= len(">=1.5.0,<=1.5.3")) == (6, 11, True)


def test_columns_that_can_be_spared_go_before_cells_are_wrapped():
    """The least useful one goes first, and no more than must."""
    assert layout.shown(ORDERS, [1, 0], 84) == [0, 1, 2, 3, 4]
    assert layout.shown(ORDERS, [1, 0], 83) == [0, 2, 3, 4]
    assert layout.shown(ORDERS, [1, 0], 1) == [2, 3, 4]


def test_a_narrow_terminal_says_what_it_leaves_out():
    """Whoever looks for a column reads that it is there, and not shown."""
    columns, rows = (
        [cells[0] for cells in ORDERS],
        [list(row) for row in zip(*(c[1:] for c in ORDERS), strict=True)],
    )
    sheet = Sheet(columns, rows, spare=("share", "wave"))
    assert left_out(sheet, 84) == []
    assert left_out(sheet, 80) == ["share"]


def test_wide_and_combining_characters_count_as_terminals_show_them():
    """A column of Chinese names is as wide as it looks."""
    assert [layout.width(text) for text in ("abc", "更新", "e\u0301")] == [3, 4, 1]


@given(
    st.lists(st.lists(st.text("ab ", max_size=60), min_size=1, max_size=3), min_size=1, max_size=6),
    st.integers(20, 200),
)
def test_a_table_fits_whenever_it_can(columns, room):
    """Whatever is in it, it is no wider than the terminal, and no column is empty that has words."""
    found = layout.widths(columns, room)
    assert sum(found) + layout.GAP * (len(found) - 1) <= room or all(one <= 1 for one in found)


cells = st.text("ab  更é.,", max_size=12)


@given(
    st.integers(1, 4).flatmap(
        lambda count: st.lists(st.lists(cells, min_size=count, max_size=count), min_size=1)
    )
)
def test_a_table_in_a_pipe_is_what_a_wide_terminal_shows(rows):
    """Two ways to the same lines: the short one for what stands on one line each."""
    sheet = Sheet(rows[0], rows[1:])
    assert straight(sheet) == wrapped(Console(file=StringIO(), width=400), sheet)
