"""The page on adding a domain, done as it says."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.integration.deployment import ROOT, Deployment

CLAIM = '{"event_type": "NFT.RewardClaimed", "data": {"reward_id": "%s", "user_id": 123}}\n'


def files_of_the_readme() -> dict[str, str]:
    """Code blocks that begin with the name of a file."""
    blocks = re.findall(
        r"```python\n# (parcel/\w+\.py)\n(.*?)```", (ROOT / "README.md").read_text(), re.S
    )
    return dict(blocks)


def test_a_domain_made_by_the_readme_hears_and_says(deployment: Deployment, tmp_path: Path) -> None:
    files = files_of_the_readme()
    assert sorted(files) == ["parcel/events.py", "parcel/handlers.py"]
    (tmp_path / "parcel").mkdir()
    (tmp_path / "parcel" / "__init__.py").touch()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    deployment.variables |= {"APPS": "parcel", "PYTHONPATH": str(tmp_path)}

    done = deployment.manage("publish", "--file", "-", text=CLAIM % "r-7" + CLAIM % "virtual-8")
    assert done.returncode == 0, done.stderr
    done = deployment.manage("runworkers", "--once")
    assert done.returncode == 0, done.stderr

    ((body,),) = deployment.rows(
        "SELECT body FROM events_storedevent WHERE event_type = 'Parcel.Sent'"
    )
    assert json.loads(body)["data"] == {"parcel_id": "p-r-7", "user_id": 123, "postage": "4.50"}
    assert deployment.rows("SELECT group_name, message FROM events_deadletter") == [
        ("parcel_senders", "a virtual reward cannot be put in a parcel")
    ]
