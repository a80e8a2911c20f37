"""Runs the API by itself: python3 -m command_center --help."""
import argparse
import logging
from typing import List, Optional, Tuple

import uvicorn
from fastapi import FastAPI

from . import demo
from .center import CommandCenter
from .settings import DATABASE_ROLES, Settings
from .spa import SinglePage


def main(arguments: Optional[List[str]] = None) -> None:
    parser = _parser()
    options = parser.parse_args(arguments)
    _log_to_stderr()
    try:
        app = application(options)
    except ValueError as error:
        parser.error(str(error))
    uvicorn.run(
        app,
        host=options.host,
        port=options.port,
        log_level=options.log_level,
        forwarded_allow_ips=options.forwarded_allow_ips,
    )


def _log_to_stderr() -> None:
    """The server logs by itself; this is the rest."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(name)s: %(message)s"))
    for name in ("command_center", "psycopg"):
        logging.getLogger(name).addHandler(handler)


def application(options: argparse.Namespace) -> FastAPI:
    app = FastAPI(title="Command center", openapi_url=None, docs_url=None, redoc_url=None)
    settings = _settings(options)
    center = CommandCenter(settings, demo.authenticate) if options.demo_login else CommandCenter(settings)
    center.mount(app, prefix="/api")
    if options.demo_login:
        demo.add_login(app)
    if options.static is not None:
        app.mount("/", SinglePage(options.static))
    return app


def _settings(options: argparse.Namespace) -> Settings:
    return Settings(
        dsn=options.dsn,
        schema=options.schema,
        roles={**DATABASE_ROLES, **dict(options.role)},
        pool_max=options.pool,
        statement_timeout=options.statement_timeout,
        channel=options.channel,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="command_center", description="The HTTP API of anomaly_insights, under /api.")
    parser.add_argument("--dsn", required=True, help="the database, as a connection string or URI of libpq")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="the port to listen on (%(default)s)")
    parser.add_argument(
        "--forwarded-allow-ips",
        default="127.0.0.1",
        metavar="ADDRESSES",
        help="proxies whose X-Forwarded-For says which address the audit records (%(default)s)",
    )
    parser.add_argument("--schema", default="insights", help="the extension's schema (%(default)s)")
    parser.add_argument("--channel", default="anomaly_insights", help="anomaly_insights.notify_channel (%(default)s)")
    parser.add_argument("--pool", type=int, default=10, help="the most connections for requests (%(default)s)")
    parser.add_argument(
        "--statement-timeout", type=float, default=30.0, metavar="SECONDS", help="for each query (%(default)s)"
    )
    parser.add_argument(
        "--role",
        type=_role,
        action="append",
        default=[],
        metavar="ROLE=DATABASE_ROLE",
        help="which database role viewer, operator or admin is (insights_viewer, ...)",
    )
    parser.add_argument("--static", metavar="DIR", help="serve the dashboard of this directory at /")
    parser.add_argument(
        "--demo-login", action="store_true", help="let everybody choose their roles at /demo/login: for demonstrations"
    )
    parser.add_argument("--log-level", default="info", choices=["warning", "info", "debug"], help="(%(default)s)")
    return parser


def _role(text: str) -> Tuple[str, str]:
    role, separator, database_role = text.partition("=")
    if role not in DATABASE_ROLES or not separator or not database_role:
        raise argparse.ArgumentTypeError(f"{text!r} is not viewer=, operator= or admin= and a database role")
    return role, database_role


if __name__ == "__main__":
    main()
