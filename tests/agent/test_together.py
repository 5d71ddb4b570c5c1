"""Several products on one host: one trial at a time, and who waits for whom."""

import pytest

from agent.settings import ProductSettings
from agent.states import State
from agent.together import Neighbour, hold_back, in_order
from metadata.facts import Decision
from tests.agent.test_crashes import dies_in

UPDATE = Decision("update", "update", "update to 1.5.0", "1.5.0")
RECALL = Decision("recall", "recall", "go back to 1.4.0", "1.4.0")
STAY = Decision("stay", "current", "1.4.0 is what runs", "1.4.0")
NEEDS = {"db": ">=2.1,<3"}


def db(running: str | None, state: State = State.IDLE) -> dict[str, Neighbour]:
    """Return the neighbourhood: one product."""
    return {"db": Neighbour(running, state)}


@pytest.mark.parametrize(
    ("decision", "needs", "neighbours", "rule"),
    [
        (UPDATE, {}, {}, "update"),
        (UPDATE, {}, db("1.0.0"), "update"),
        (UPDATE, NEEDS, db("2.1.0"), "update"),
        (UPDATE, NEEDS, db("2.0.9"), "needs"),
        (UPDATE, NEEDS, db("3.0.0"), "needs"),
        (UPDATE, NEEDS, db(None), "needs"),
        (UPDATE, NEEDS, db("2.1.0", State.ON_TRIAL), "trial"),
        (UPDATE, {}, db("2.1.0", State.SWITCHING), "trial"),
        (UPDATE, {}, db("2.1.0", State.ROLLING_BACK), "trial"),
        (UPDATE, {}, db("2.1.0", State.STAGED), "update"),
        (UPDATE, {}, db(None, State.STRANDED), "update"),
        (RECALL, NEEDS, db("2.0.9"), "recall"),
        (RECALL, {}, db("2.1.0", State.ON_TRIAL), "trial"),
        (STAY, NEEDS, db("2.0.9", State.ON_TRIAL), "current"),
    ],
)
def test_a_start_is_held_back(decision, needs, neighbours, rule):
    """Only starts wait, and a recall waits for nobody's version."""
    found = hold_back(decision, needs, neighbours)
    assert found.rule == rule
    assert found == decision or (found.action, found.may_stage) == ("wait", True)


def test_the_sentence_names_what_is_missing():
    """An operator reads which product must come first, and where it stands."""
    assert hold_back(UPDATE, NEEDS, db("2.0.9")).text == "1.5.0 waits until db is >=2.1,<3; 2.0.9 runs here"
    assert hold_back(UPDATE, NEEDS, db(None)).text == "1.5.0 waits until db is >=2.1,<3; it is not installed"


def products(**needs: list[str]) -> list[ProductSettings]:
    """Return products by name, each with what it needs."""
    return [ProductSettings(name=name, needs=dict.fromkeys(others, ">=1")) for name, others in needs.items()]


@pytest.mark.parametrize(
    ("found", "on_trial", "turns"),
    [
        (products(a=[], b=[], c=[]), "", ["a", "b", "c"]),
        (products(a=["c"], b=["a"], c=[]), "", ["c", "a", "b"]),
        (products(a=[], b=[], c=[]), "b", ["b", "a", "c"]),
        (products(a=["b"], b=["c"], c=[]), "b", ["c", "b", "a"]),
    ],
)
def test_turns_follow_the_needs(found, on_trial, turns):
    """What others need comes before them, and a trial that was interrupted comes first."""
    states = {entry.name: State.ON_TRIAL if entry.name == on_trial else State.IDLE for entry in found}
    assert in_order(found, states) == turns


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        ('agent = ">=1"', "need each other: agent → agent"),
        ('other = ">=1"', "need each other: agent → other → agent"),
        ('nobody = ">=1"', "agent needs nobody, which is no product here"),
        ('other = "newest"', "newest"),
    ],
)
def test_needs_that_cannot_be_met_are_refused(scene, needs, said):
    """Products that wait for each other, or for one that is not there, would wait for ever."""
    other = '[[product]]\nname = "other"\nneeds = { agent = ">=1" }'
    scene.host.write_settings(f"needs = {{ {needs} }}\n{other}")
    done = scene.host.run("doctor")
    assert done.exit_code == 14
    assert said in done.stdout


def test_a_product_waits_for_what_it_needs(scene, tmp_path):
    """The update is made ready, waits for the other product, and is switched to when that is there."""
    scene.ready()
    other = '[[product]]\nname = "other"\nchannel = "stable"'
    scene.host.write_settings(f'needs = {{ other = ">=2" }}\n{other}')
    scene.release("1.1.0")
    done = scene.host.tick()
    assert (done.rule, scene.host.runs, scene.host.versions) == ("needs", "1.0.0", ["1.0.0", "1.1.0"])
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "program").write_text("2")
    adopted = scene.host.run("adopt", "other", "--version", "2.0", "--from", str(tmp_path / "other"))
    assert adopted.exit_code == 0, adopted.stderr
    scene.host.query("INSERT OR REPLACE INTO product VALUES ('other', 'ON_TRIAL', NULL)")
    scene.host.tick()  # a product that cannot come to its end keeps no other from its turn
    assert scene.host.runs == "1.1.0"
    scene.release("1.2.0")
    dies_in(scene.host, "ON_TRIAL")
    scene.host.query("DELETE FROM product WHERE name = 'other'")
    done = scene.host.run("rollback", "--product", "other")
    assert (done.exit_code, "agent is on trial" in done.stderr) == (15, True)
    scene.host.tick()
    assert (scene.host.runs, scene.host.stands) == ("1.2.0", "IDLE")
