"""What a notebook shows, the magics in a real IPython shell, and tables that keep themselves up to date."""

import re
import threading
import time
import xml.etree.ElementTree as ElementTree

import laminardb
import pytest
from laminardb import types
from laminardb._info import PipelineEdge, PipelineNode, PipelineTopology
from laminardb._live import LiveTable

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def db():
    with laminardb.open(":memory:") as connection:
        connection.execute("CREATE SOURCE trades (sym VARCHAR NOT NULL, price DOUBLE)")
        connection.execute("CREATE STREAM highs AS SELECT sym, max(price) AS price FROM trades GROUP BY sym")
        connection.execute("CREATE STREAM few AS SELECT * FROM highs WHERE price < 10")
        connection.start()
        yield connection


# --- Pictures --------------------------------------------------------------------------------------------------------------


def boxes(svg):
    root = ElementTree.fromstring(svg)
    assert root.tag == SVG + "svg"
    found = {}
    for group in root.iter(SVG + "g"):
        rect, text = group.find(SVG + "rect"), group.find(SVG + "text")
        x, y, width, height = (float(rect.get(name)) for name in ("x", "y", "width", "height"))
        assert x >= 0 and y >= 0 and x + width <= float(root.get("width")) and y + height <= float(root.get("height"))
        found[text.text] = (x, y, width, height, group.find(SVG + "title").text)
    return found


def test_topology_is_drawn_from_left_to_right(db):
    found = boxes(db.topology()._repr_html_())
    assert set(found) == {"trades", "highs", "few"}
    assert found["trades"][0] < found["highs"][0] < found["few"][0]
    assert "max(price)" in found["highs"][4] and found["trades"][4] == "source trades"


def test_boxes_do_not_overlap_whatever_the_graph():
    nodes = [PipelineNode(f"n{i}" + "<&>" * (i % 3), "stream", None, f"SELECT {i} < 1") for i in range(30)]
    edges = [PipelineEdge(nodes[i].name, nodes[j].name) for i in range(30) for j in range(i + 1, 30) if (i * 7 + j) % 5 == 0]
    edges += [PipelineEdge(nodes[9].name, nodes[9].name), PipelineEdge("unknown", nodes[1].name), PipelineEdge(nodes[20].name, nodes[2].name)]
    found = boxes(PipelineTopology(nodes, edges)._repr_html_())
    assert len(found) == 30
    places = list(found.values())
    for i, (x, y, width, height, _) in enumerate(places):
        for other_x, other_y, other_width, other_height, _ in places[:i]:
            assert x + width <= other_x or other_x + other_width <= x or y + height <= other_y or other_y + other_height <= y
    assert "no relations" in PipelineTopology([], [])._repr_html_()


def test_results_schemas_and_plans(db):
    db.insert("trades", [{"sym": "<b>", "price": None}, {"sym": "x", "price": 1.5}])
    shown = db.query("SELECT * FROM trades")._repr_html_()
    assert "&lt;b&gt;" in shown and "<b>" not in shown and "<em>NULL</em>" in shown and "<small>double</small>" in shown and "2 rows" in shown
    schema = types.Schema(db.schema("trades"))._repr_html_()
    assert ElementTree.fromstring(f"<p>{schema}</p>") is not None
    assert "NOT NULL" in schema and "<code>double</code>" in schema and "2 columns" in schema
    assert "<caption>trades</caption>" in db.sources()[0]._repr_html_()
    assert "<caption>stream highs</caption>" in next(node for node in db.topology().nodes if node.name == "highs")._repr_html_()
    plan = db.explain("SELECT price FROM trades WHERE price < 5 AND sym > 'a'")
    assert isinstance(plan, str) and plan == str(plan)
    assert plan._repr_html_().startswith("<pre") and "&lt;" in plan._repr_html_()


# --- Magics ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def shell():
    interactive = pytest.importorskip("IPython.core.interactiveshell")
    shell = interactive.InteractiveShell()
    shell.extension_manager.load_extension("laminardb")
    yield shell
    shell.restore_sys_module_state()
    interactive.InteractiveShell.clear_instance()


def test_magics(shell, db):
    shell.user_ns.update(db=db, lowest={"lowest": 2.0})
    assert shell.run_line_magic("laminar", "SELECT 1 + 1 AS two").fetchall() == [(2,)]
    done = shell.run_cell_magic("laminar", "-c db", "INSERT INTO trades VALUES ('a', 1.0);\nINSERT INTO trades VALUES ('b', 3.0);\n")
    assert int(done) == 1
    result = shell.run_cell_magic("laminar", "--connection db --params lowest", "SELECT sym\nFROM trades WHERE price > :lowest")
    assert result.fetchall() == [("b",)]
    assert shell.run_cell_magic("laminar", "-c db -o kept", "SELECT count(*) FROM trades") is None
    assert shell.user_ns["kept"].fetchall() == [(2,)]
    assert shell.run_cell_magic("laminar", "-c db", "-- a comment first\nSELECT sym FROM trades").num_rows == 2


def test_the_magics_show_schemas_as_tables(shell, db):
    shown, _ = shell.display_formatter.format(db.schema("trades"))
    assert "<code>double</code>" in shown["text/html"] and "2 columns" in shown["text/html"]


@pytest.mark.parametrize(("line", "text"), [("", "%%laminar"), ("--nope SELECT 1", "'--nope' is no option"), ("-c missing SELECT 1", "'missing' is no variable"),
                                            ("-c", "lacks its value"), ("-c db -p missing SELECT 1", "'missing' is no variable")])
def test_wrong_magics(shell, db, line, text):
    shell.user_ns["db"] = db
    with pytest.raises(ValueError, match=re.escape(text)):
        shell.run_line_magic("laminar", line)


# --- Live ------------------------------------------------------------------------------------------------------------------


class Handle:
    """A notebook's output area."""

    def __init__(self):
        self.pictures = []
        self.changed = threading.Condition()

    def display(self, data, raw):
        assert raw
        self.update(data, raw)

    def update(self, data, raw):
        with self.changed:
            self.pictures.append(data["text/html"])
            self.changed.notify_all()

    def wait_for(self, *parts):
        with self.changed:
            assert self.changed.wait_for(lambda: self.pictures and all(part in self.pictures[-1] for part in parts), 60), self.pictures[-1:]


def test_live_in_a_notebook(db):
    handle = Handle()
    table = LiveTable(db.subscribe("SELECT sym, price FROM highs", changes=True), 20, 10, handle)
    table._start()
    assert table.is_active
    db.insert("trades", [{"sym": "A", "price": 1.0}, {"sym": "B", "price": 2.0}])
    handle.wait_for("<td>A</td><td>1.0</td>", "<td>B</td><td>2.0</td>", "2 rows")
    db.insert("trades", {"sym": "A", "price": 7.5})
    handle.wait_for("<td>A</td><td>7.5</td>", "2 rows")
    assert "1.0" not in handle.pictures[-1] and "__weight" not in handle.pictures[-1]
    table.stop()
    table.stop()
    assert not table.is_active and "ended after" in handle.pictures[-1]
    assert repr(table) == "LiveTable(finished, rows=2)"


def test_live_shows_the_newest_rows_without_weights(db):
    handle = Handle()
    table = LiveTable(db.subscribe_stream("trades"), 3, 0, handle)
    table._start()
    for i in range(50):
        db.insert("trades", {"sym": f"s{i}", "price": 1.0})
    handle.wait_for("<td>s47</td>", "<td>s49</td>", "3 rows", "50 changes")
    assert "<td>s46</td>" not in handle.pictures[-1]
    db.close()
    assert table.wait(60)


def test_live_in_a_terminal(db, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    sub = db.subscribe("SELECT sym, price FROM highs", changes=True)
    db.insert("trades", {"sym": "A", "price": 1.0})

    def later():
        time.sleep(0.2)
        db.insert("trades", {"sym": "A", "price": 9.0})
        time.sleep(0.2)
        sub.cancel()

    thread = threading.Thread(target=later)
    thread.start()
    table = sub.live(refresh_ms=10)
    thread.join()
    text = capsys.readouterr().out
    assert repr(table) == "LiveTable(finished, rows=1)"
    last = text.rpartition("\x1b[J")[2]
    assert "│ A       │    9.0 │" in last and "1.0" not in last, last
    assert re.search(r"\x1b\[\d+A\x1b\[J", text)
    assert all(len(line) <= 60 for line in last.splitlines())


def test_live_arguments(db):
    sub = db.subscribe_stream("trades")
    for bad in ({"max_rows": 0}, {"refresh_ms": -1}, {"max_rows": "x"}):
        with pytest.raises(ValueError, match="must be"):
            sub.live(**bad)
    with pytest.raises(TypeError):
        sub.live(20)
    assert sub.is_active
