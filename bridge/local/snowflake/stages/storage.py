"""The folders behind the stages, and the files in them."""

import hashlib
import re
import shutil
import tempfile
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_SCHEMES = ("azure://", "s3://", "s3gov://", "s3china://", "s3compat://", "gcs://")
_SHOWN = "_fs_global._fs_information_schema._fs_stages"
_HALF_WRITTEN = ".half-written"

StagePath = tuple[str, str, str]


class NoSuchFile(Exception):
    """The path leaves the stage, or leads to no file."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A named stage: a pointer to a folder."""

    #: Database, schema and name.
    path: StagePath
    #: Empty for an internal stage, else it ends with a slash.
    url: str
    file_format: Mapping[str, Any]
    folder: Path


@dataclass(frozen=True, kw_only=True)
class StagedFile:
    """One file as it was when it was listed."""

    stage: Stage
    #: Within the stage.
    path: str
    size: int
    md5: str
    modified: datetime
    #: Another for each time that the file is written, like the ETag of a blob.
    etag: str

    @property
    def local(self) -> Path:
        return self.stage.folder / self.path

    @property
    def name(self) -> str:
        """What LIST calls it."""
        return self.stage.url + self.path if self.stage.url else f"{self.stage.path[2].lower()}/{self.path}"

    @property
    def metadata_name(self) -> str:
        """What METADATA$FILENAME has: the path within the container, or within the internal stage."""
        return re.sub(r"^\w+://[^/]+/[^/]+/", "", self.stage.url) + self.path if self.stage.url else self.path


class StageStorage:
    """All stages of one emulator; safe to use from several threads."""

    def __init__(self, connection: Any) -> None:
        #: A DuckDB connection of its own, for what SHOW STAGES reads.
        self._connection = connection
        self._root = Path(tempfile.mkdtemp(prefix="snowflake_stages_"))
        self._stages: dict[StagePath, Stage] = {}
        self._lock = threading.RLock()

    def create(self, path: StagePath, url: str, file_format: Mapping[str, Any], *, integration: str | None) -> None:
        """Create or replace; the files of an internal stage that is replaced are gone."""
        self.drop(path)
        url = url and url.rstrip("/") + "/"
        folder = self._root / "external" / url.partition("://")[2] if url else self._root / uuid.uuid4().hex
        folder.mkdir(parents=True, exist_ok=True)
        stage = Stage(path=path, url=url, file_format=file_format, folder=folder)
        with self._lock:
            self._stages[path] = stage
            self._connection.execute(
                f"INSERT OR REPLACE INTO {_SHOWN} (created_on, database_name, schema_name, name, url, has_credentials, "
                "has_encryption_key, owner, comment, type, cloud, storage_integration, owner_role_type, "
                "directory_enabled) VALUES (now(), ?, ?, ?, ?, 'N', 'N', 'SYSADMIN', '', ?, ?, ?, 'ROLE', 'N')",
                [*path, url, "EXTERNAL" if url else "INTERNAL", _cloud(url), integration],
            )

    def drop(self, path: StagePath) -> bool:
        """Forget a stage, and the files if it is an internal one; whether there was one."""
        with self._lock:
            stage = self._stages.pop(path, None)
            if stage is None:
                return False
            self._connection.execute(
                f"DELETE FROM {_SHOWN} WHERE database_name = ? AND schema_name = ? AND name = ?", list(path)
            )
        if not stage.url:
            shutil.rmtree(stage.folder)
        return True

    def find(self, path: StagePath) -> Stage | None:
        with self._lock:
            return self._stages.get(path)

    def all(self) -> list[Stage]:
        with self._lock:
            return [self._stages[path] for path in sorted(self._stages)]

    def files(self, stage: Stage, prefix: str = "") -> list[StagedFile]:
        """The files whose paths begin with `prefix`, by name."""
        paths = (found.relative_to(stage.folder).as_posix() for found in stage.folder.rglob("*") if found.is_file())
        wanted = sorted(path for path in paths if path.startswith(prefix) and not path.endswith(_HALF_WRITTEN))
        return [_staged(stage, path) for path in wanted]

    def read(self, stage: Stage, path: str) -> bytes:
        """The bytes of a file.

        Raises:
            NoSuchFile: there is none.
        """
        found = _within(stage, path)
        if not found.is_file():
            raise NoSuchFile(path)
        return found.read_bytes()

    def write(self, stage: Stage, path: str, content: bytes) -> StagedFile:
        """Put a file there, all of it at once.

        Raises:
            NoSuchFile: the path leaves the stage.
        """
        target = _within(stage, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        half_written = target.with_name(f"{target.name}.{uuid.uuid4().hex}{_HALF_WRITTEN}")
        half_written.write_bytes(content)
        half_written.replace(target)
        return _staged(stage, path)

    def remove(self, file: StagedFile) -> None:
        file.local.unlink(missing_ok=True)

    def reset(self) -> None:
        """Remove every file; the stages stay."""
        for stage in self.all():
            for file in self.files(stage):
                self.remove(file)

    def close(self) -> None:
        shutil.rmtree(self._root, ignore_errors=True)


def is_url(text: str) -> bool:
    return text.startswith(_SCHEMES)


def _cloud(url: str) -> str | None:
    clouds = {"azure": "AZURE", "gcs": "GCP"}
    return clouds.get(url.partition("://")[0], "AWS") if url else None


def _within(stage: Stage, path: str) -> Path:
    found = (stage.folder / path).resolve()
    if not found.is_relative_to(stage.folder.resolve()) or path.endswith(("/", _HALF_WRITTEN)) or not path:
        raise NoSuchFile(path)
    return found


def _staged(stage: Stage, path: str) -> StagedFile:
    local = stage.folder / path
    content, state = local.read_bytes(), local.stat()
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return StagedFile(
        stage=stage,
        path=path,
        size=len(content),
        md5=md5,
        modified=datetime.fromtimestamp(state.st_mtime, UTC),
        etag=f"{md5}-{state.st_mtime_ns:x}-{state.st_ino:x}",
    )
