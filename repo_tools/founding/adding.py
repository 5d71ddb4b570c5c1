"""Give a repository that is founded another channel, or another product with its first one.

Of what is published only ``targets`` changes: it delegates to the new roles. Unless somebody says otherwise
they are signed by whoever signs a channel that is there, and hosts may do what that one lets them do.
``targets`` is staged last: a run that was killed before that left nothing that counts, and is done again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import msgspec

from metadata.documents import Policy, WaveShare
from metadata.errors import UsageError
from metadata.strict import encode, to_json
from repo_tools.desk import Desk
from repo_tools.founding.plan import Plan, channel_trusts, check_keys, product_trusts
from repo_tools.keys.people import check_people
from repo_tools.names import check_name
from repo_tools.publishing.words import planned_roles
from repo_tools.recovery.rotation import delegations, sign_anew, stolen
from repo_tools.roles import POLICY, Channel, lifetime, releases
from repo_tools.rollouts.moving import new_salt
from repo_tools.rollouts.state import read_policy
from repo_tools.signed.draft import Draft
from repo_tools.signed.founding import Trust, delegate, delegated, delegating
from repo_tools.signed.reading import key_file, view
from repo_tools.signed.views import Delegation, Entry, View


@dataclass(frozen=True)
class Addition:
    """A channel that may be staged, with its product where that is new."""

    plan: Plan
    like: Channel
    trusts: Mapping[str, Trust]
    """Who may sign each new role."""
    policy: Policy
    made: Mapping[str, Any]
    """The first version of each new role."""
    sharing: tuple[Channel, ...]
    """Channels of other products that are called the same."""

    @property
    def above(self) -> dict[str, Trust]:
        """The new roles to which ``targets`` delegates."""
        return {role: trust for role, trust in self.trusts.items() if role.count(".") == 1}


def new_channel(desk: Desk, text: str) -> Channel:
    """Return the channel that ``product/channel`` or ``channel`` names, and that is not there yet.

    Raises:
        UsageError: It is there, its product is not, or it is no name.
    """
    said, _, name = text.rpartition("/")
    products = desk.products()
    if said and said not in products:
        raise UsageError(
            f"no product {said!r}", f"one of: {', '.join(products)}; or tidegate product add {said}"
        )
    if not said and len(products) > 1:
        raise UsageError(
            f"{text!r} names no product, and there is more than one",
            f"one of: {', '.join(f'{product}/{text}' for product in products)}",
        )
    check_name("channel", name)
    found = Channel(said or products[0], name)
    if found in desk.channels():
        hint = f"tidegate waves {found} shows its waves; tidegate status what of it is staged"
        raise UsageError(f"there is a channel {found} already", hint)
    return found


def new_product(desk: Desk, product: str, channel: str) -> Channel:
    """Return the first channel of a product that is not there yet.

    Raises:
        UsageError: The product is there, or one of the names is none.
    """
    check_name("product", product)
    check_name("channel", channel)
    if product in desk.products():
        hint = f"tidegate channel add {product}/NAME gives it another channel"
        raise UsageError(f"there is a product {product} already", hint)
    return Channel(product, channel)


def prepare(desk: Desk, plan: Plan, like: str | None) -> Addition:
    """Return a new channel of the plan, signed for as an older one is where the plan says nothing.

    Args:
        desk: The workspace.
        plan: What is new, with the keys and thresholds that somebody named.
        like: The channel to take the rest from; None for the product's first, or the first of all.

    Raises:
        UsageError: There is no such channel, or the keys cannot do what they should.
    """
    channels, channel = desk.channels(), plan.channel
    mine = [one for one in channels if one.product == channel.product]
    model = desk.channel(like) if like else [*mine, *channels][0]
    whole = _completed(desk, plan, model)
    trusts = {**({} if mine else product_trusts(whole, whole.given)), **channel_trusts(whole, whole.given)}
    _check(desk, whole, trusts)
    policy = _policy(read_policy(desk, model), plan)
    made = delegated(trusts, desk.now)
    data = encode(policy)
    entry = Entry(channel.path(POLICY), len(data), sha256(data).hexdigest())
    Draft(made[channel.role].signed).put(entry)
    sharing = tuple(one for one in channels if one.name == channel.name)
    return Addition(plan, model, trusts, policy, made, sharing)


def stage(desk: Desk, addition: Addition) -> None:
    """Stage the new roles, and last the role that delegates to them."""
    desk.contents.stage(addition.plan.channel.path(POLICY), encode(addition.policy))
    for role, metadata in addition.made.items():
        desk.tree.save(role, metadata)
    sign_anew(desk, list(addition.made))
    delegate(desk.tree, addition.above)


def words(desk: Desk, addition: Addition) -> list[str]:
    """Return a sentence for each role that would be staged."""
    live = desk.tree.live_view("targets")
    version, until = (live.version if live else 0) + 1, desk.now + lifetime("targets")
    above = replace(delegating(desk.tree, addition.above), version=version, expires_at=until)
    views = [above, *(view(role, metadata.signed) for role, metadata in addition.made.items())]
    data = encode(addition.policy)
    return planned_roles(desk, views, {sha256(data).hexdigest(): to_json(addition.policy)})


def signers(desk: Desk, addition: Addition) -> dict[str, Delegation]:
    """Return who must sign each role that is staged."""
    views: list[View] = [delegating(desk.tree, addition.above), desk.tree.view("root")]
    views += [view(role, metadata.signed) for role, metadata in addition.made.items()]
    found = {role: one for above in views for role, one in above.delegations.items()}
    return {role: found[role] for role in ("targets", *addition.made)}


def _completed(desk: Desk, plan: Plan, model: Channel) -> Plan:
    """Return the plan with the keys and thresholds of a channel that is there, where it names none."""
    said, root = desk.tree.view("targets").delegations, desk.tree.view("root").delegations
    found = {
        "releases": said[releases(model.product)],
        "rollouts": said[model.role],
        "online": root["timestamp"],
    }
    keys = {group: tuple(map(key_file, one.keys)) for group, one in found.items()}
    needs = {group: one.threshold for group, one in found.items()}
    return replace(plan, given={**keys, **plan.given}, needs={**needs, **plan.needs})


def _check(desk: Desk, plan: Plan, trusts: Mapping[str, Trust]) -> None:
    check_keys(plan, {})
    lost = stolen(desk)
    for key in (key for trust in trusts.values() for key in trust.keys if key.keyid in lost):
        raise UsageError(f"{key.name} was called stolen: it never signs again", "name another key")
    people: dict[str, Any] = {role: found.keys for role, found in delegations(desk).items()}
    check_people({**people, **{role: trust.keys for role, trust in trusts.items()}})


def _policy(model: Policy, plan: Plan) -> Policy:
    """Return what a new channel says to its hosts; what is withdrawn of its product stays so."""
    channel = plan.channel
    same = channel.product == model.product
    return msgspec.structs.replace(
        model,
        product=channel.product,
        channel=channel.name,
        salt=new_salt(),
        floor_seq=model.floor_seq if same else 0,
        revoked=model.revoked if same else [],
        waves=[WaveShare(name=wave.name, percent=wave.percent) for wave in plan.waves],
    )
