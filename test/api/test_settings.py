"""What an installation may choose, and what it may not."""
from dataclasses import replace

import pytest
from psycopg.conninfo import conninfo_to_dict

from command_center import Principal, Settings
from command_center.__main__ import main

SETTINGS = Settings("host=db password=secret")


def test_the_password_is_not_shown():
    assert "secret" not in repr(SETTINGS)


def test_connections_notice_a_host_that_vanishes():
    used = conninfo_to_dict(SETTINGS.conninfo)
    assert (used["host"], used["password"]) == ("db", "secret")
    for name in ("connect_timeout", "keepalives_idle", "tcp_user_timeout"):
        assert int(used[name]) > 0
    own = replace(SETTINGS, dsn="postgresql://db/?tcp_user_timeout=7")
    assert conninfo_to_dict(own.conninfo)["tcp_user_timeout"] == "7"


@pytest.mark.parametrize(
    "name", ["pool_timeout", "statement_timeout", "heartbeat", "look_again", "max_streams", "stream_lifetime"]
)
def test_what_must_be_above_0(name):
    with pytest.raises(ValueError, match=name):
        replace(SETTINGS, **{name: 0})


@pytest.mark.parametrize("options", [["--pool", "0"], ["--statement-timeout", "-1"], ["--role", "viewer=none"]])
def test_options_that_do_not_fit(options, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--dsn", "host=db", *options])
    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_a_user_id_is_a_text():
    with pytest.raises(TypeError, match="user_id"):
        Principal(user_id=7, roles=("viewer",))
