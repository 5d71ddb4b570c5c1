"""A sequential test of a release's failure rate: it may be looked at after every report. Pure.

The likelihood of what was seen under a bad rate, divided by that under a good one, is a martingale when the
rate is good, and so is its inverse when the rate is bad. By Ville's inequality the first ever reaches
``1 / halts_good``, or the second ``1 / opens_bad``, with at most those probabilities, however often somebody
looks and whenever he stops (A. Wald, "Sequential Tests of Statistical Hypotheses", 1945; J. Ville, 1939).
A confidence interval that is looked at every hour has no such bound.

Failures are heard before successes, which take a soak. Both questions lean the safe way: whoever asks for a
halt counts everybody who started as well so far, and whoever asks to open counts only those who are known
to be well, so that waiting reports can delay either answer and hasten none.
"""

from dataclasses import dataclass
from math import exp, log


@dataclass(frozen=True)
class Rates:
    """What a good and a bad release are, and how often the test may be wrong about either."""

    good: float = 0.002
    """Share of hosts that fail whatever is released."""
    bad: float = 0.05
    """Share of hosts from which on a release must not go further."""
    halts_good: float = 0.02
    """Probability at most that a good release is halted."""
    opens_bad: float = 0.05
    """Probability at most that a bad one goes further."""

    def weight(self, well: int, failed: int) -> float:
        """Return the logarithm of how much likelier the counts are under the bad rate than under the good."""
        return failed * log(self.bad / self.good) + well * log((1 - self.bad) / (1 - self.good))

    def bad_enough(self, well: int, failed: int) -> bool:
        """Return whether a release is to be halted."""
        return self.weight(well, failed) >= -log(self.halts_good)

    def good_enough(self, well: int, failed: int) -> bool:
        """Return whether a release may go further."""
        return self.weight(well, failed) <= log(self.opens_bad)

    def odds(self, well: int, failed: int) -> float:
        """Return how many times likelier the counts are under the bad rate than under the good one."""
        return exp(min(self.weight(well, failed), 700.0))
