"""Where settings come from, and what is said of wrong ones."""

import argparse
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from calling import Safelight

from engine.errors import UserError
from server.cli import parser
from server.commands import serve
from server.config import Settings, table
from server.sources import read_settings


@pytest.fixture(autouse=True)
def _home(home: Path) -> None:
    home.mkdir()


def settings(
    *flags: str, env: Mapping[str, str] | None = None, file: str = "", home: Path | None = None
) -> Settings:
    """What `safelight serve FLAGS` would be told, with these variables and this file in its home."""
    if home is not None:
        (home / "safelight.toml").write_text(file, encoding="utf-8")
    arguments = parser().parse_args(["serve", *flags])
    return read_settings(vars(arguments), env or {})


def refused(
    *flags: str, env: Mapping[str, str] | None = None, file: str = "", home: Path | None = None
) -> str:
    with pytest.raises(UserError) as error:
        settings(*flags, env=env, file=file, home=home)
    return str(error.value)


def test_without_a_word_the_server_is_this_machine_s_own() -> None:
    told = settings()
    assert (told.listen, told.port, told.token) == ("127.0.0.1", 8188, "")


def test_every_field_has_a_flag_a_variable_and_a_key() -> None:
    assert [each.field for each in table()] == [each.name for each in fields(Settings)]
    assert (
        len({each.flag for each in table()})
        == len({each.variable for each in table()})
        == len(fields(Settings))
    )
    flags = argparse.ArgumentParser()
    serve.add(flags.add_subparsers())
    assert {each.field for each in table()} <= set(vars(flags.parse_args(["serve"])))


def test_flags_go_before_variables_before_the_file_before_defaults(home: Path) -> None:
    file = "port = 1001\njobs = 2\nkeep_jobs = 3\n"
    told = settings(
        "--port", "1003", env={"SAFELIGHT_PORT": "1002", "SAFELIGHT_JOBS": "4"}, file=file, home=home
    )
    assert (told.port, told.jobs, told.keep_jobs, told.keep_days) == (1003, 4, 3, 30.0)


def test_a_flag_can_take_back_what_the_file_said(home: Path) -> None:
    assert settings("--no-exact", "--metadata", file="exact = true\nmetadata = false", home=home) == settings(
        "--no-exact", file="", home=home
    )


@pytest.mark.parametrize(
    ("flags", "environment", "expected"),
    [
        (["--no-metadata"], {}, {"metadata": False}),
        (["--max-upload-mb", "7"], {}, {"max_body": 7 << 20}),
        (["--drain-seconds", "0.5"], {}, {"drain_seconds": 0.5}),
        (["--allow-host", "a.x", "--allow-host", "b.x:99"], {}, {"allow_hosts": ("a.x", "b.x:99")}),
        (["--token", "abcdefgh"], {}, {"token": "abcdefgh"}),
        (["--frontend", "comfyui"], {}, {"frontend": "comfyui"}),
        ([], {"SAFELIGHT_LISTEN": "0.0.0.0"}, {"listen": "0.0.0.0"}),  # noqa: S104
        ([], {"SAFELIGHT_LOG_JSON": "Yes"}, {"log_json": True}),
        ([], {"SAFELIGHT_METADATA": "off"}, {"metadata": False}),
        ([], {"SAFELIGHT_LOG_LEVEL": "DEBUG"}, {"log_level": "debug"}),
        ([], {"SAFELIGHT_ALLOW_HOSTS": "a.example, b.example"}, {"allow_hosts": ("a.example", "b.example")}),
        ([], {"SAFELIGHT_MODELS": "/a:/b"}, {"models": (Path("/a"), Path("/b"))}),
        ([], {"SAFELIGHT_PORT": ""}, {"port": 8188}),
    ],
)  # fmt: skip
def test_values_are_read(
    flags: list[str], environment: Mapping[str, str], expected: Mapping[str, Any]
) -> None:
    told = settings(*flags, env=environment)
    assert {name: getattr(told, name) for name in expected} == expected


def test_the_file_says_paths_from_where_it_lies_and_lists_as_lists(home: Path) -> None:
    file = 'models = ["weights", "/srv/models"]\noutput = "out"\nallow_hosts = ["x.example"]'
    told = settings(file=file, home=home)
    assert told.models == (home / "weights", Path("/srv/models"))
    assert told.output == home / "out"
    assert told.allow_hosts == ("x.example",)


def test_another_file_may_be_named_and_may_name_the_home(tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    path.write_text('home = "elsewhere"\nport = 5', encoding="utf-8")
    assert settings("--config", str(path)).home == tmp_path / "elsewhere"
    assert settings(env={"SAFELIGHT_CONFIG": str(path)}).port == 5


@pytest.mark.parametrize(
    ("flags", "environment", "file", "said"),
    [
        (["--port", "abc"], {}, "", "--port: 'abc' is not a whole number from 0 to 65535"),
        (["--port", "70000"], {}, "", "--port: '70000' is not a whole number from 0 to 65535"),
        (["--max-upload-mb", "0"], {}, "", "--max-upload-mb: '0' is not a whole number from 1 to"),
        (["--drain-seconds", "nan"], {}, "", "--drain-seconds: 'nan' is not a number of at least 0"),
        (["--keep-days", "-1"], {}, "", "--keep-days: '-1' is not a number of at least 0"),
        (["--log-level", "loud"], {}, "", "--log-level: 'loud' is not one of debug, info, warning, error"),
        (["--listen", " "], {}, "", "--listen: ' ' is not a text, such as '127.0.0.1'"),
        (["--allow-host", "http://x"], {}, "", "--allow-host: ['http://x'] is not the name of a host"),
        (["--frontend", "/nowhere"], {}, "", "--frontend: '/nowhere' is not `comfyui` or a folder"),
        (["--token", "short"], {}, "", "--token: what was given is not a token: 8 letters"),
        (["--token", "has spaces in it"], {}, "", "is not a token"),
        (["--token-file", "/nowhere"], {}, "", "--token-file: /nowhere cannot be read: No such file"),
        (["--token", "abcdefgh", "--token-file", "x"], {}, "", "--token and --token-file: give one of them"),
        (["--config", "/nowhere.toml"], {}, "", "/nowhere.toml: there is no such file of settings"),
        ([], {"SAFELIGHT_EXACT": "perhaps"}, "", "SAFELIGHT_EXACT: 'perhaps' is not true or false"),
        ([], {"SAFELIGHT_PORT": "tcp://10.0.0.1:80"}, "", "SAFELIGHT_PORT: 'tcp://10.0.0.1:80' is not a"),
        ([], {}, "prot = 1", "safelight.toml: there is no setting 'prot'; did you mean 'port'?"),
        ([], {}, "[server]\nport = 1", "there is no setting 'server'; there are allow_hosts, device"),
        ([], {}, "port = true", "safelight.toml: port: True is not a whole number"),
        ([], {}, "port = 1.5", "safelight.toml: port: 1.5 is not a whole number"),
        ([], {}, "exact = 1", "safelight.toml: exact: 1 is not true or false"),
        ([], {}, "listen = 7", "safelight.toml: listen: 7 is not a text"),
        ([], {}, 'models = "x"', "safelight.toml: models: 'x' is not a list of texts"),
        ([], {}, "models = [1]", "safelight.toml: models: [1] is not a text"),
        ([], {}, 'home = "x"', "home cannot be said in the home; use --home or SAFELIGHT_HOME"),
        ([], {}, "port = ", "safelight.toml: is no TOML: Invalid value (at end of document)"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_its_source_and_what_is_allowed(
    flags: list[str], environment: Mapping[str, str], file: str, said: str, home: Path
) -> None:
    assert said in refused(*flags, env=environment, file=file, home=home)


def test_all_that_is_wrong_is_said_at_once(home: Path) -> None:
    said = refused("--port", "x", file="jobs = 0\nprot = 1", home=home, env={"SAFELIGHT_EXACT": "?"})
    assert [line.split(":")[0] for line in said.splitlines()] == [
        str(home / "safelight.toml"), "--port", "SAFELIGHT_EXACT", str(home / "safelight.toml"),
    ]  # fmt: skip


def test_a_wrong_token_is_not_repeated() -> None:
    assert "geheim" not in refused("--token", "geheim!")


def test_the_token_of_a_file_counts_where_the_file_was_named_nearer(tmp_path: Path) -> None:
    path = tmp_path / "token"
    filed, flagged, set_ = "from-the-file", "from-a-flag", "from-a-variable"
    path.write_text(f"{filed}\n", encoding="utf-8")
    assert settings("--token-file", str(path)).token == filed
    assert settings("--token-file", str(path), env={"SAFELIGHT_TOKEN": set_}).token == filed
    assert settings("--token", flagged, env={"SAFELIGHT_TOKEN_FILE": str(path)}).token == flagged
    path.write_text("two words", encoding="utf-8")
    assert "holds no token" in refused("--token-file", str(path))


def test_settings_do_not_show_the_token() -> None:
    assert "abcdefgh" not in repr(settings("--token", "abcdefgh"))


def test_a_front_end_is_a_folder_with_a_page(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html>", encoding="utf-8")
    assert settings("--frontend", str(tmp_path)).frontend == str(tmp_path)


def test_help_says_what_holds_without_a_flag(safelight: Safelight) -> None:
    said = " ".join(safelight("serve", "--help").out.split())
    assert "how many jobs run at once (1)" in said
    assert "megabytes of an upload (100)" in said
    assert "pixels of an uploaded picture (100000000)" in said
    assert "written pictures carry their workflow (on)" in said
    assert "where pictures go (HOME/output) --device" in said


def test_help_loads_neither_torch_nor_the_web_framework() -> None:
    script = (
        "import contextlib, sys\nfrom server.cli import main\n"
        "with contextlib.suppress(SystemExit): main(['serve', '--help'])\n"
        "print([each for each in ('torch', 'aiohttp', 'prometheus_client') if each in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")
    assert "--token-file" in done.stdout


def test_the_command_refuses_wrong_settings_in_one_line_each(safelight: Safelight) -> None:
    said = safelight("serve", "--port", "abc", "--jobs", "0")
    assert said.code == 2
    assert said.err.splitlines() == [
        "error: --port: 'abc' is not a whole number from 0 to 65535",
        "--jobs: '0' is not a whole number from 1 to 256",
    ]
