"""Where a host is, and how it is reached."""

from __future__ import annotations

import ipaddress
from typing import Any

import httpx

from ._plans import Ask


def settings(url: str, token: str | None, timeout: float) -> tuple[dict[str, Any], str | None]:
    """Give the settings of an httpx client, and the path of the Unix socket if it is one.

    >>> settings("unix:/run/au.sock", None, 5)[1]
    '/run/au.sock'
    """
    path: str | None = None
    if url.startswith("unix:"):
        path = url[len("unix:") :]
        path = path[2:] if path.startswith("//") else path
        url = "http://localhost"
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url!r} is neither http://…, https://… nor unix:PATH")
    headers = {"user-agent": "au-host-python/0.1"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    # A proxy of the environment is for other machines, and knows nothing of this one.
    environment = path is None and not _is_loopback(httpx.URL(url).host)
    chosen: dict[str, Any] = {"base_url": url, "headers": headers, "timeout": timeout, "trust_env": environment}
    return chosen, path


def built(http: httpx.Client | httpx.AsyncClient, ask: Ask, timeout: float) -> httpx.Request:
    """Give the request that asks this, of a host that may be silent for ``timeout`` seconds and what the answer may take."""
    return http.build_request(
        ask.method,
        ask.path,
        params=httpx.QueryParams(tuple(ask.query)) if ask.query else None,
        headers=ask.headers,
        content=ask.content,
        timeout=httpx.Timeout(timeout, read=timeout + ask.patience),
    )


def silence(timeout: float) -> httpx.Timeout:
    """Give how long a stream of events may be silent: it gives a sign of life every 15 seconds."""
    return httpx.Timeout(timeout, read=timeout + 60)


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
