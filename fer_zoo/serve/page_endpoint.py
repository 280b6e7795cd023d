"""The page's files over HTTP."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse, PathLike, StaticFiles
from starlette.types import Scope

from fer_zoo.serve.page import TYPES


class PageFiles(StaticFiles):
    """Starlette's static files, of which there are those of a list and no other.

    Args:
        files: By their address relative to the page; the empty one is the page itself.
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
        kind = TYPES.get(Path(full_path).suffix, TYPES[".txt"])
        response = FileResponse(
            full_path, status_code, {"Cache-Control": "no-cache"}, media_type=kind, stat_result=stat_result
        )
        if self.is_not_modified(response.headers, Headers(scope=scope)):
            return NotModifiedResponse(response.headers)
        return response
