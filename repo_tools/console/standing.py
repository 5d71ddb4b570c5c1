"""What the page from which to steer says of each channel: what is held, and what is prepared over it."""

from collections.abc import Mapping
from dataclasses import dataclass

from metadata.documents import Brake, Order
from repo_tools.desk import Desk
from repo_tools.roles import Channel
from repo_tools.rollouts.state import State, held_by, read_state


@dataclass(frozen=True)
class Standing:
    """What holds a channel as it is published, and which rollout its buttons mean."""

    brake: Brake
    """As hosts read it."""
    braked: bool
    """Whether it holds the newest rollout."""
    paused: tuple[str, ...]
    """The waves in which the newest rollout is paused."""
    ahead: Order | None
    """The first order of a newer rollout that is prepared: commands widen, pause and resume that one."""

    @property
    def holds(self) -> tuple[str, ...]:
        """The rollouts and versions that the brake holds."""
        return tuple(str(entry.rollout or entry.version) for entry in self.brake.hold)

    @property
    def held(self) -> bool:
        """Whether hosts wait for somebody who lets them go on."""
        return self.braked or bool(self.paused)


def standings(desk: Desk) -> Mapping[str, Standing]:
    """Return how every published channel stands, by its name."""
    live = desk.published()
    return {str(channel): _standing(live, desk, channel) for channel in live.channels()}


def _standing(live: Desk, desk: Desk, channel: Channel) -> Standing:
    public, staged = read_state(live, channel), read_state(desk, channel)
    orders = _newest(public)
    return Standing(
        brake=public.brake,
        braked=any(held_by(public.brake, order) for order in orders),
        paused=tuple(order.wave for order in orders if order.state == "hold"),
        ahead=next(iter(_newest(staged)), None) if staged.newest != public.newest else None,
    )


def _newest(state: State) -> list[Order]:
    """Return the orders of a channel's newest rollout."""
    return [wave.order for wave in state.in_rollout(state.newest or "") if wave.order]
