"""The page's files over HTTP."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.staticfiles import NotModifiedResponse, PathLike, StaticFiles
from starlette.types import Scope

from fer_zoo.serve.web_page import TYPES, unpacked

_CHUNK = 1 << 16
# For clients that do not accept compressed files; browsers do.
_unpacked_once = functools.cache(unpacked)


class PageFiles(StaticFiles):
    """Starlette's static files, restricted to a fixed list of files.

    Args:
        files: Path of each file by its address relative to the page; the empty address is the page itself.
    """

    def __init__(self, files: Mapping[str, Path]) -> None:
        super().__init__()
        self._files = files

    async def check_config(self) -> None:
        """There is no folder to check."""

    def get_path(self, scope: Scope) -> str:
        return scope["path"].removeprefix(scope.get("root_path", "")).removeprefix("/")

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        file = self._files.get(path)
        return ("", None) if file is None else (str(file), file.stat())

    def file_response(
        self, full_path: PathLike, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        path = Path(full_path)
        kind = TYPES.get(Path(path.name.removesuffix(".gz")).suffix, TYPES[".txt"])
        headers = {"Cache-Control": "no-cache"}
        if path.suffix == ".gz":
            headers["Vary"] = "Accept-Encoding"
            if "gzip" not in Headers(scope=scope).get("accept-encoding", ""):
                content = _unpacked_once(path)
                parts = (content[start : start + _CHUNK] for start in range(0, len(content), _CHUNK))
                headers["Content-Length"] = str(len(content))
                return StreamingResponse(parts, status_code, headers, media_type=kind)
            headers["Content-Encoding"] = "gzip"
        response = FileResponse(full_path, status_code, headers, media_type=kind, stat_result=stat_result)
        if self.is_not_modified(response.headers, Headers(scope=scope)):
            return NotModifiedResponse(response.headers)
        return response
