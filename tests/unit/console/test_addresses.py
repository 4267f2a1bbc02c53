"""Where the app is found."""

from __future__ import annotations

from devserver.common.events import Listener
from devserver.console.addresses import Link, links, network_addresses

HERE = "http://127.0.0.1:8000"


def test_the_app_and_its_documentation_are_linked() -> None:
    """The documentation follows the app's first address; what no browser opens is no link."""
    listeners = (Listener("http", "127.0.0.1", 8000), Listener("tcp", "127.0.0.1", 9501))
    assert links(listeners, "/docs", ()) == [
        Link(HERE, HERE),
        Link("/docs", f"{HERE}/docs"),
        Link("tcp://127.0.0.1:9501", ""),
    ]


def test_every_interface_means_here_and_in_the_network() -> None:
    """0.0.0.0 is no address for a browser: this machine's own and its address in the network are."""
    listeners = (Listener("http", "0.0.0.0", 8000), Listener("http", "127.0.0.1", 8000))
    assert [link.label for link in links(listeners, "", ("192.168.1.20",))] == [
        HERE,
        "http://192.168.1.20:8000",
    ]
    assert links((Listener("https", "::", 8000),), "", ("192.168.1.20",))[0].url == "https://[::1]:8000"


def test_on_this_machine_alone_nobody_looks_for_the_network() -> None:
    """Listening on loopback shows no other address."""
    assert network_addresses((Listener("http", "127.0.0.1", 8000),)) == ()
