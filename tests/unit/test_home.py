from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from mnemolog.adapters.postgres.home import default_root, make_home
from mnemolog.adapters.postgres.layout import Layout
from mnemolog.domain.refusals import EmbeddedStartFailed

IS_ROOT = os.geteuid() == 0
BY_USER: list[tuple[Mapping[str, str], Path]] = [
    ({"MNEMOLOG_HOME": "/srv/memory", "XDG_DATA_HOME": "/data"}, Path("/srv/memory")),
    ({"MNEMOLOG_HOME": "~/memory"}, Path.home() / "memory"),
]
if IS_ROOT:
    BY_USER += [({"XDG_DATA_HOME": "/data"}, Path("/var/lib/mnemolog"))]
else:
    BY_USER += [
        ({"XDG_DATA_HOME": "/data"}, Path("/data/mnemolog")),
        ({}, Path.home() / ".local/share/mnemolog"),
    ]


@pytest.mark.parametrize(("env", "root"), BY_USER)
def test_the_default_root(env: Mapping[str, str], root: Path) -> None:
    assert default_root(env) == root


def test_a_new_root_is_closed_to_others_but_for_passing_through_when_root_makes_it(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "deep" / "root")
    make_home(layout)
    for folder in (layout.root, layout.home):
        assert folder.stat().st_mode & 0o777 == (0o711 if IS_ROOT else 0o700)
        assert folder.stat().st_uid == os.geteuid()


def test_the_folder_above_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    make_home(Layout(tmp_path / "root"))
    assert tmp_path.stat().st_mode & 0o777 == 0o700


if IS_ROOT:

    @pytest.mark.parametrize("theirs", ["root", "root/postgres"])
    def test_root_does_not_work_in_a_folder_that_another_user_can_change(tmp_path: Path, theirs: str) -> None:
        (tmp_path / theirs).mkdir(parents=True)
        os.chown(tmp_path / theirs, 4711, 4711)
        with pytest.raises(EmbeddedStartFailed, match="belongs to user id 4711"):
            make_home(Layout(tmp_path / "root"))

    def test_the_home_of_root_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        tmp_path.chmod(0o700)
        monkeypatch.setenv("HOME", str(tmp_path))
        make_home(Layout(tmp_path))
        assert tmp_path.stat().st_mode & 0o777 == 0o700

else:

    def test_a_folder_that_others_may_read_stays_as_its_owner_made_it(tmp_path: Path) -> None:
        (tmp_path / "root").mkdir(mode=0o755)
        before = (tmp_path / "root").stat().st_mode
        make_home(Layout(tmp_path / "root"))
        assert (tmp_path / "root").stat().st_mode == before
