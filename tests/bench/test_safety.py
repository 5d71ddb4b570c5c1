"""A sample of ``make bench-safety``: the gate and the models of others, over a small fleet."""

from tests.bench.safety import PEERS, compared, holds, ready


def test_a_bad_release_hurts_fewer_hosts(tmp_path):
    """At equal hours for a good release, a bad one is halted after a fraction of the hosts."""
    [ubuntu] = [peer for peer in PEERS if peer.name == "Ubuntu"]
    rows = compared(ready(tmp_path / "place"), [ubuntu], [1.0, 0.05], hosts=25_000)
    assert [(row.rate, holds(row)) for row in rows] == [(0.0, True), (1.0, True), (0.05, True)]
    assert rows[1].theirs.hurt > 10 * rows[1].ours.hurt
