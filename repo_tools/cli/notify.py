"""``tidegate notify``."""

from pathlib import Path

import click

from repo_tools import moments
from repo_tools.audit.report import audit
from repo_tools.cli.app import App, reads
from repo_tools.cli.lake import in_lake
from repo_tools.cli.reading import published
from repo_tools.notices import sending
from repo_tools.output import Answer, Sheet, counted, moment, to_minute


@click.command()
@click.argument("url", metavar="WEBHOOK")
@click.option(
    "--secret",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="What messages are signed with: whsec_ and base64.",
)
@click.option(
    "--since", metavar="SPAN", default="1d", show_default=True, help="How far back the first run looks."
)
@in_lake
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@reads
def notify(app: App, url: str, secret: Path, since: str, lake: Path, dry_run: bool) -> Answer:
    """Tell WEBHOOK what happened: rollouts started, opened, held, halted, recalled, finished.

    Roles of whose life half is over, and hosts that fell silent, are told, too. Made for a job: each event is
    sent once, as JSON that is signed by the Standard Webhooks specification; what could not be sent is sent
    by the next run. An event that comes twice all the same has the same webhook-id.

    \b
    Example:
      tidegate notify https://hooks.example.com/tidegate --secret /etc/tidegate/hook.secret
    """
    from repo_tools.notices.looking import everything

    hook = sending.hook(url, secret, app.folder / ".cache" / "notified")
    notes = hook.read(sending.first_since(app.now(), moments.seconds(since)))
    store, trusted = published(app, None, None)
    with app.terminal.progress("reading", None, count=True) as on_count:
        report = audit(store, trusted, app.now(), on_count)
    if report.failure:
        app.terminal.warn(f"{report.failure.message}; tidegate audit says more")
    found = sending.untold(everything(report.history, store, lake, notes.since, app.now()), notes)
    told = found if dry_run else list(hook.tell(found, notes, app.now()))
    data = [{"id": one.id, "type": one.kind, "at": moment(one.at), "text": one.text} for one in told]
    rows = [[to_minute(one.at), one.kind, one.text] for one in told]
    said = f"{'would send' if dry_run else 'sent'} {counted(len(told), 'event')}"
    return Answer(
        {"events": data, "dry_run": dry_run}, [Sheet(["at", "type", "what"], rows), said] if rows else [said]
    )
