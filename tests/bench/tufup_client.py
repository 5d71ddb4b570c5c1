"""One look at a repository by tufup's client: ``python tufup_client.py FOLDER URL ROOT TARGET``.

It knows no delegations by itself, so the target is asked for by name; it is here already, or is fetched.
"""

import shutil
import sys
from pathlib import Path

from tufup.client import Client  # type: ignore[import-not-found]  # in an environment of its own


def main(folder: Path, url: str, root: str, target: str) -> None:
    """Look for news, and bring one target."""
    metadata, targets = folder / "metadata", folder / "targets"
    for one in (metadata, targets):
        one.mkdir(parents=True, exist_ok=True)
    if not (metadata / "root.json").exists():
        shutil.copy2(root, metadata / "root.json")
    places = {"metadata_base_url": f"{url}/metadata/", "target_base_url": f"{url}/targets/"}
    client = Client("agent", folder, "1.0.0", metadata, target_dir=targets, **places, refresh_required=True)
    client.check_for_updates()
    found = client.get_targetinfo(target)
    client.find_cached_target(found) or client.download_target(found)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
