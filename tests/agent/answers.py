"""How a host answers what it must not follow, with what runs left alone."""


def refused(scene, exit_code: int, said: str = "") -> None:
    """A tick fails with this exit code, and the product does not notice."""
    pid = scene.host.pid
    done = scene.host.tick()
    assert done.exit_code == exit_code, done.stderr
    assert said in done.stderr
    assert "hint: " in done.stderr
    assert (scene.host.runs, scene.host.pid) == ("1.0.0", pid)


def refused_by(scene, rule: str) -> None:
    """A tick's answer is no, by this rule, and the product does not notice."""
    pid = scene.host.pid
    done = scene.host.tick()
    assert (done.exit_code, done.entry["decision"]["action"], done.rule) == (0, "refuse", rule)
    assert (scene.host.runs, scene.host.pid) == ("1.0.0", pid)
