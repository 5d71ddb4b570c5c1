"""A client as python-tuf's own example is: a command line, a refresh, one target, from here or from there.

``python plain_client.py FOLDER URL TARGET``: ``FOLDER`` holds the trusted root and what was fetched.
"""

import argparse
import logging
import sys
from pathlib import Path

from tuf.api.exceptions import DownloadError, RepositoryError
from tuf.ngclient import Updater


def main() -> int:
    """Bring one target, and say where it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("folder", "url", "target"):
        parser.add_argument(name)
    asked = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    folder = Path(asked.folder)
    targets = folder / "targets"
    targets.mkdir(parents=True, exist_ok=True)
    trusted = (folder / "root.json").read_bytes()
    try:
        updater = Updater(
            str(folder / "metadata"),
            f"{asked.url}/metadata/",
            str(targets),
            f"{asked.url}/targets/",
            bootstrap=trusted,
        )
        updater.refresh()
        if found := updater.get_targetinfo(asked.target):
            path = updater.find_cached_target(found) or updater.download_target(found)
        else:
            path = "not found"
    except (OSError, RepositoryError, DownloadError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
