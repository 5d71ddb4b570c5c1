"""The release manager's side: add releases, start and widen rollouts, sign, publish.

Things flow one way: artifact → release → rollout → sign → publish. Everything is prepared in a workspace
(``workspace``), the signed metadata is read and edited in one room (``signed``), and a ``store`` is where
the repository is published. Functions return values; only ``output`` prints, only ``__main__`` exits.
"""
