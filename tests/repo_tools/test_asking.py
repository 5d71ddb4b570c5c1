"""What was collected answers questions: queries by name, of one's own, and exports."""


def test_the_queries_say_how_a_rollout_goes(collection):
    """Kept, rolled back, failed and silent hosts are told apart; versions and failures are counted."""
    stages = {
        "host-1": [("update_install", "ok"), ("update_healthcheck", "ok"), ("soak", "ok")],
        "host-2": [("update_install", "ok"), ("update_healthcheck", "failed"), ("update_rollback", "ok")],
        "host-3": [("update_install", "ok")],
        "host-4": [("update_verify", "failed")],
    }
    for name, events in stages.items():
        voice = collection.voice(name).join()
        for stage, outcome in events:
            reason = "unhealthy" if outcome == "failed" else ""
            voice.say(
                voice.report(stage=stage, outcome=outcome, reason=reason, rollout="stable-0001", to="1.0.0")
            )
        voice.say(voice.report(running="1.0.0" if name == "host-1" else "0.9.0"))
    collection.collect()
    progress = collection.repo.do("fleet", "query", "progress")
    names = ("expected", "heard", "ok", "failed", "silent", "soaking", "back", "later")
    assert [sum(one[name] for one in progress) for name in names] == [4, 3, 1, 2, 1, 0, 1, 0]
    failures = collection.repo.do("fleet", "query", "failures")
    assert {(one["stage"], one["reason"], one["agents"]) for one in failures} == {
        ("update_healthcheck", "unhealthy", 1),
        ("update_verify", "unhealthy", 1),
    }
    assert [(one["version"], one["agents"]) for one in collection.repo.do("fleet", "query", "versions")] == [
        ("0.9.0", 3),
        ("1.0.0", 1),
    ]
    assert [one["agent"] for one in collection.repo.do("fleet", "query", "stragglers")] == ["host-1"]
    target = collection.box / "all.csv"
    assert collection.repo.do("fleet", "export", target)["rows"] == len(collection.rows())


def test_a_query_that_makes_no_sense(collection):
    """Each mistake is named."""
    assert collection.repo.run("fleet", "query", "progress").exit_code == 13
    collection.voice("host-1").join()
    collection.collect()
    assert collection.repo.run("fleet", "query", "nonsense").exit_code == 2
    done = collection.repo.run("fleet", "query", "--sql", "SELECT nothing FROM reports")
    assert (done.exit_code, "cannot be answered" in done.stderr) == (2, True)
