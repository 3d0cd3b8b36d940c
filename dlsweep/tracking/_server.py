"""GraphQL operations sent to W&B's server over plain HTTP.

wandb has no public function for them, and its private ones change from version to version.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
import wandb

from dlsweep.tracking._errors import TrackingError
from dlsweep.tracking._mode import api_key

_TIMEOUT = 30.0
_VIEWER = "query Viewer { viewer { id entity } }"


class Unreachable(TrackingError):
    """W&B does not answer now; it may in a while."""


class NotThere(TrackingError):
    """W&B does not know what an operation is about."""


class Server:
    """The server that the wandb client is set up for. It may be asked from several threads."""

    def __init__(self) -> None:
        settings = wandb.setup().settings
        self._key = api_key() or ""
        self._url = f"{settings.base_url.rstrip('/')}/graphql"
        self._local = threading.local()

    @property
    def host(self) -> str:
        """Its name, as errors show it."""
        return urlsplit(self._url).netloc

    def viewer(self, timeout: float | None = None) -> str:
        """The user's own entity; errors as of ``ask``."""
        return str((self.ask(_VIEWER, {}, timeout)["viewer"] or {}).get("entity") or "")

    def ask(self, query: str, variables: Mapping[str, Any], timeout: float | None = None) -> Any:
        """Send one operation; its data.

        Args:
            query, variables: the operation.
            timeout: how long to wait, in seconds; 30 by default.

        Raises:
            Unreachable: if the server does not answer.
            NotThere: if it does not know what the operation is about.
            TrackingError: if it refuses.
        """
        try:
            answer = self._session().post(
                self._url,
                json={"query": query, "variables": variables},
                timeout=timeout or _TIMEOUT,
            )
        except requests.RequestException as error:
            raise Unreachable(f"W&B: {self.host} cannot be reached: {_reason(error)}") from error
        if answer.status_code == 429 or answer.status_code >= 500:
            raise Unreachable(f"W&B: {self.host} answers with HTTP {answer.status_code}")
        if answer.status_code == 401:
            raise TrackingError(f"W&B: {self.host} does not know this API key; see `wandb login`")
        if answer.status_code == 404:
            raise NotThere(f"W&B: {self.host} does not know what it is asked for")
        try:
            body = answer.json()
        except ValueError:
            body = {}
        if answer.status_code != 200 or body.get("errors") or body.get("data") is None:
            messages = [str(error.get("message")) for error in body.get("errors") or []]
            why = "; ".join(messages) or f"HTTP {answer.status_code}"
            raise TrackingError(f"W&B: {self.host} refuses: {why}")
        return body["data"]

    def _session(self) -> requests.Session:
        """A session for each thread, with the user's settings of the wandb client."""
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            settings = wandb.setup().settings
            session = self._local.session = requests.Session()
            # An object, for requests would prefer a .netrc to a pair.
            session.auth = requests.auth.HTTPBasicAuth("api", self._key)
            session.headers["User-Agent"] = f"W&B Public Client {wandb.__version__}"
            session.headers.update(settings.x_extra_http_headers or {})
            session.verify = not settings.insecure_disable_ssl
            for scheme in ("http", "https"):
                if proxy := getattr(settings, f"{scheme}_proxy", None):
                    session.proxies[scheme] = proxy
        return session


def _reason(error: Exception) -> str:
    """The innermost cause of an error of ``requests``, in a few words."""
    inner: Any = error
    while isinstance(inner, Exception) and inner.args and isinstance(inner.args[0], Exception):
        inner = inner.args[0]
    reason = getattr(inner, "reason", inner)
    text = re.sub(r"\[Errno \d+\] ", "", str(reason)).rpartition(": ")[2]
    return " ".join(text.split()) or type(error).__name__
