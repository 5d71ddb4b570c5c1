"""A founded repository gets a second product, and a host follows both."""

from tests.agent.reporting import report_to, token
from tests.agent.scene import AGENT
from tests.support.workspace import HERE

RELAY = '[[product]]\nname = "relay"'
BOTH = ("--channel", "agent/stable", "--channel", "relay/stable")
QUICK = ("--probe", "bin/agent --version", "--start-s", "20", "--trial-s", "0")


def roll_out(repo, version):
    """Publish a release of the second product and order it to everybody."""
    repo.do("release", "add", version, repo.build(version), "--platform", HERE, "--product", "relay", *QUICK)
    repo.do("rollout", "start", "relay/stable", version, "--strategy", "immediate")
    repo.sign_and_publish()


def decided(ran):
    """Return what was decided for each product, and what runs."""
    return {one["name"]: (one["decision"]["rule"], one["running"]) for one in ran.json["products"]}


def assert_both_are_counted(repo, box):
    """Assert that the collector knows what each product came to on the host."""
    repo.do("fleet", "collect", box)
    for product, version in (("agent", "1.1.0"), ("relay", "2.1.0")):
        [member] = repo.do("agents", "list", f"{product}/stable")
        assert (member["agent"], member["wave"], member["running"]) == (AGENT, "canary", version)
    counted = repo.do("fleet", "query", "progress")
    assert [(one["product"], one["rollout"], one["soaking"] + one["later"]) for one in counted] == [
        (product, rollout, 1) for product in ("agent", "relay") for rollout in ("stable-0001", "stable-0002")
    ]


def test_a_second_product_rolls_out_beside_the_first(scene, tmp_path):
    """A host let in by a token follows the other once a new token says so; both are counted and explained."""
    host, repo, box = scene.host, scene.repo, tmp_path / "box"
    box.mkdir()
    report_to(scene, f"file://{box}")
    scene.release("1.0.0")
    said = host.run("enroll", "--token", token(scene), "--agent-id", AGENT)
    assert said.exit_code == 0, said.stderr
    host.tick()
    assert host.runs == "1.0.0"
    repo.do("product", "add", "relay", "--wave", "canary=id:host-1", "--wave", "full=100")
    repo.sign_and_publish()
    host.write_settings(RELAY)
    roll_out(repo, "2.0.0")
    assert decided(host.tick()) == {"agent": ("current", "1.0.0"), "relay": ("foreign", None)}
    said = host.run("enroll", "--token", token(scene, *BOTH))
    assert said.exit_code == 0, said.stderr
    assert decided(host.tick())["relay"] == ("current", "2.0.0")
    scene.add("1.1.0", "good", "--product", "agent")
    repo.do("rollout", "start", "agent/stable", "1.1.0", "--strategy", "immediate")
    roll_out(repo, "2.1.0")
    host.tick()
    assert decided(host.tick()) == {"agent": ("current", "1.1.0"), "relay": ("current", "2.1.0")}
    assert host.runs == "1.1.0"
    assert_both_are_counted(repo, box)
    about = ("--agent", AGENT, "--channel", "relay/stable", "--running", "2.1.0")
    told = repo.do("explain", scene.web.url, "--root", repo.root_file, *about)
    assert (told["wave"], told["decision"]["rule"]) == ("canary", "current")
