"""A repository as a company with three products has it, founded by the product's own code in one publication.

Each product has three channels and 200 live releases for five platforms; the artifacts are tiny, because what
is measured is the work with metadata. A few rollouts are public, so that clients remember something.
"""

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from metadata.documents import Enrollment, Policy, WaveShare
from metadata.release import Artifact, Probe, Release
from metadata.strict import encode
from repo_tools.desk import Desk
from repo_tools.founding.plan import Plan, trusts, wave_plans
from repo_tools.keys.folder import KeyFile, KeyFolder
from repo_tools.keys.passphrase import Passphrases
from repo_tools.publishing import publish
from repo_tools.roles import ENROLLMENT_PATH, FLEET, POLICY, Channel, release_path, releases
from repo_tools.rollouts import orders
from repo_tools.rollouts.staging import stage
from repo_tools.rollouts.state import read_state
from repo_tools.signed.founding import Trust, found
from repo_tools.signed.live import Live
from repo_tools.signed.signing import staged_bytes
from repo_tools.signed.tree import Tree
from repo_tools.signed.views import Entry
from repo_tools.signing import at_hand, sign_staged
from repo_tools.waves.said import parse_waves
from repo_tools.workspace import Settings
from repo_tools.workspace import Workspace as Opened
from tests.support.workspace import Workspace

PRODUCTS = ("agent", "relay", "store")
CHANNELS = ("edge", "beta", "stable")
RELEASES = 200
PLATFORMS = ("linux-x86_64", "linux-aarch64", "darwin-arm64", "darwin-x86_64", "windows-amd64")
WAVES = ("canary=5", "early=25", "full=100")
GROUPS = ("root", "releases", "rollouts", "online")


def version(number: int) -> str:
    """Return the version of a product's nth release."""
    return f"1.{number // 10}.{number % 10}"


def founded(folder: Path, store: str, count: int = RELEASES) -> Workspace:
    """Return a workspace whose repository is published in a store: the newest release is in each first wave.

    Args:
        folder: Where workspace and keys come; removed first.
        store: A folder, or where a bucket is.
        count: How many releases each product has.
    """
    shutil.rmtree(folder, ignore_errors=True)
    work = Workspace(folder)
    desk = _desk(work, store)
    keys = {name: [desk.keys.new(name, "ed25519", None)] for name in GROUPS}
    _stage(desk, keys, count)
    desk.workspace.write_settings(PRODUCTS[0])
    _publish(desk)
    for strategy, number in (("immediate", count - 2), ("manual", count - 1)):
        _start(_desk(work, store), strategy, version(number))  # type: ignore[arg-type]  # both are strategies
    return work


def _desk(work: Workspace, store: str) -> Desk:
    opened = Opened(work.folder, Settings(store=store))
    return Desk(opened, KeyFolder(work.keys), Passphrases(), datetime.now(UTC).replace(microsecond=0))


def _stage(desk: Desk, keys: Mapping[str, Sequence[KeyFile]], count: int) -> None:
    plans = [
        Plan(Channel(product, name), wave_plans(parse_waves(WAVES)), solo=True)
        for product in PRODUCTS
        for name in CHANNELS
    ]
    trusted: dict[str, Trust] = {}
    for plan in plans:
        trusted |= trusts(plan, keys)
    made = found(trusted, desk.now)
    desk.live = Live(desk.store, made["root"].to_bytes())
    desk.tree = Tree(desk.live, desk.workspace.staged_metadata, desk.now)
    for role, metadata in made.items():
        desk.tree.save(role, metadata)
    for plan in plans:
        _policy(desk, plan)
    for product in PRODUCTS:
        _releases(desk, product, count)
    with desk.tree.edit(FLEET) as draft:
        draft.put(_file(desk, ENROLLMENT_PATH, encode(Enrollment())))
    desk.workspace.root_file.write_bytes(made["root"].to_bytes())


def _policy(desk: Desk, plan: Plan) -> None:
    channel = plan.channel
    policy = Policy(
        product=channel.product,
        channel=channel.name,
        salt=sha256(channel.role.encode()).hexdigest()[:32],
        waves=[WaveShare(name=wave.name, percent=wave.percent) for wave in plan.waves],
    )
    with desk.tree.edit(channel.role) as draft:
        draft.put(_file(desk, channel.path(POLICY), encode(policy)))


def _releases(desk: Desk, product: str, count: int) -> None:
    with desk.tree.edit(releases(product)) as draft:
        for number in range(count):
            parts = []
            for platform in PLATFORMS:
                data = f"{product} {version(number)} {platform}\n".encode()
                entry = _file(desk, release_path(product, version(number), f"{platform}.bin"), data)
                parts.append(_artifact(platform, entry))
                draft.put(entry)
            document = Release(
                product=product,
                version=version(number),
                seq=number + 1,
                artifacts=parts,
                probe=Probe(exec=[f"bin/{product}", "--version"], expect=version(number)),
                health=[Probe(http="http://127.0.0.1:8222/healthz")],
            )
            draft.put(_file(desk, release_path(product, version(number)), encode(document)))
        draft.remember_seq(count)


def _artifact(platform: str, entry: Entry) -> Artifact:
    return Artifact(
        platform=platform,
        path=entry.path,
        kind="file",
        name="program",
        payload_sha256=entry.sha256,
        payload_bytes=entry.length,
    )


def _file(desk: Desk, path: str, data: bytes) -> Entry:
    """Prepare a file as ``Contents.stage`` does, without flushing thousands of them to disk."""
    entry = Entry(path, len(data), sha256(data).hexdigest())
    target = desk.contents.folder / entry.stored_as
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return entry


def _start(desk: Desk, strategy: orders.Strategy, number: str) -> None:
    for channel in desk.channels():
        state = read_state(desk, channel)
        stage(desk, state, orders.start(state, number, strategy, orders.Terms(desk.now)))
    _publish(desk)


def _publish(desk: Desk) -> None:
    """Publish as the command does; a workspace is not checked and rehearsed each time it is made."""
    sign_staged(desk, at_hand(desk))
    if not desk.live.version("root"):
        desk.workspace.root_file.write_bytes(staged_bytes(desk.tree, "root"))
    publication = publish.prepare(desk)
    publish.publish(desk, publication, publish.sealed(desk, publication))
