"""The console: pages and an API on the release manager's own machine, over the commands that anybody types.

``lines`` says which command an action is, ``clerk`` runs commands, ``doors`` lets one person in, ``api`` and
``app`` put them behind addresses, ``serving`` listens on loopback. It decides nothing and keeps nothing: what
it does is in the workspace, in the store and in the signed audit trail, as if it had been typed.
"""
