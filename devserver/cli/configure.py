"""Makes the settings of a run from the command's options; does no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from devserver.cli.option_values import http_addresses
from devserver.cli.target import Located
from devserver.config import Config, ConsoleConfig, HttpConfig, ListenConfig, ProcessConfig, WatchConfig


def config_of(located: Located, options: Mapping[str, Any]) -> Config:
    """Return the settings for a target, from the options by their names."""
    host = options["host"]
    return Config(
        target=located.target,
        watch=WatchConfig(
            root=str(located.root),
            also=options["also"],
            assets=options["assets"],
            exclude=options["exclude"],
            further=options["watch"],
            settings=tuple(filter(None, (options["env_file"], options["log_config"]))),
            poll=options["poll"],
        ),
        listen=ListenConfig(
            http=http_addresses(host, options["port"]),
            tcp=options["tcp"],
            uds=options["uds"],
            certfile=options["ssl_certfile"],
            keyfile=options["ssl_keyfile"],
        ),
        http=HttpConfig(
            root_path=options["root_path"],
            proxy_headers=options["proxy_headers"],
            forwarded_allow_ips=options["forwarded_allow_ips"],
            host=host or HttpConfig().host,
            index=str(located.file.parent / "index.html"),
            allow_hosts=options["allow_host"],
            browser_reload=options["browser_reload"],
            error_page=options["error_page"],
            websockets=options["websockets"],
            streams=options["streams"],
            stream_limit=options["stream_limit"],
        ),
        process=_process_config(options),
        console=_console_config(options),
        control=options["control"],
    )


def _console_config(options: Mapping[str, Any]) -> ConsoleConfig:
    return ConsoleConfig(
        plain=options["plain"],
        events=options["events"],
        editor=options["editor"],
        hidden=options["hide_requests"] if options["access_log"] else ("*",),
        notify=options["notify"],
    )


def _process_config(options: Mapping[str, Any]) -> ProcessConfig:
    return ProcessConfig(
        workers=options["workers"] or ProcessConfig().workers,
        threads=options["threads"],
        access_log=options["access_log"],
        preload=options["preload"],
        warm=options["warm"],
        preload_exclude=options["preload_exclude"],
        boot_timeout=options["boot_timeout"],
        drain=options["drain"],
        stop=options["stop_timeout"],
        handover=options["handover"],
        env_file=options["env_file"],
        log_level=options["log_level"],
        log_config=options["log_config"],
        loop=options["loop"],
    )
