"""Sweeps: a tick is killed, cut off or refused by the disk at each of its file-system calls in turn.

``story`` has the repositories, ``lane`` the hosts; ``server`` and ``calls`` run ticks under strace, ``power``
cuts the power on a real ext4, ``judge`` says what is wrong; ``python -m tests.support.sweep`` runs it all.
"""
