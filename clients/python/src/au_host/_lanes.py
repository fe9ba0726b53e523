"""Plans of what bounds and repeats jobs: queues, policies of functions, schedules."""

from __future__ import annotations

from typing import Any

from ._payload import Input, encode, to_json
from ._plans import Ask, Plan, checked, object_of, part
from .options import Options

_JSON = {"content-type": "application/json"}


def set_queue(name: str, policy: dict[str, Any]) -> Plan[dict[str, Any]]:
    """Say how many jobs of a queue may run."""
    return object_of((yield Ask("PUT", f"/v1/queues/{part(name)}", headers=_JSON, content=to_json(policy))))


def set_function(module: str, function: str, policy: dict[str, Any]) -> Plan[dict[str, Any]]:
    """Say how the jobs of a function are run."""
    path = f"/v1/functions/{part(module)}/{part(function)}"
    return object_of((yield Ask("PUT", path, headers=_JSON, content=to_json(policy))))


def remove_function(module: str, function: str) -> Plan[None]:
    """Take the policy of a function away."""
    checked((yield Ask("DELETE", f"/v1/functions/{part(module)}/{part(function)}", repeatable=False)))


def set_schedule(
    name: str, times: dict[str, str], value: Input, content_type: str | None, options: Options
) -> Plan[dict[str, Any]]:
    """Keep a schedule."""
    kind, content = encode(value, content_type)
    query = [*times.items(), *options.query()]
    return object_of((yield Ask("PUT", f"/v1/schedules/{part(name)}", query, {"content-type": kind}, content)))


def run_schedule(name: str) -> Plan[str]:
    """Submit a job of a schedule now."""
    answer = yield Ask("POST", f"/v1/schedules/{part(name)}/run", repeatable=False)
    return str(object_of(answer)["id"])


def show(kind: str, name: str) -> Plan[dict[str, Any]]:
    """Show one of a kind."""
    return object_of((yield Ask("GET", f"/v1/{kind}/{part(name)}")))


def turn(kind: str, name: str, verb: str) -> Plan[dict[str, Any]]:
    """Pause or resume one of a kind."""
    return object_of((yield Ask("POST", f"/v1/{kind}/{part(name)}/{verb}")))


def remove(kind: str, name: str) -> Plan[None]:
    """Remove one of a kind."""
    checked((yield Ask("DELETE", f"/v1/{kind}/{part(name)}", repeatable=False)))
