"""The server's database: SQLite, one connection, one server at a time."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tcnet.errors import MediaError

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    created REAL NOT NULL,
    state TEXT NOT NULL,
    queued INTEGER,        -- order in the queue, kept while the job runs
    record TEXT NOT NULL   -- the job as JSON
);
CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    created REAL NOT NULL,
    touched REAL NOT NULL, -- when the last byte came
    name TEXT NOT NULL,
    metadata TEXT NOT NULL,
    length INTEGER NOT NULL
);
"""


class Database:
    """Statements inside `with database.use() as connection` are one transaction; threads take turns."""

    def __init__(self, path: Path) -> None:
        """Raises MediaError for a file that cannot be used, or that another server uses."""
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, timeout=0.2, check_same_thread=False, isolation_level=None)
        try:
            # The lock on the file goes with the process, however it ends.
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute("BEGIN EXCLUSIVE")
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
            elif version != _SCHEMA_VERSION:
                raise MediaError(f"{path}: is of another version of tcnet; choose another --data-dir")
            self._connection.execute("COMMIT")
        except MediaError:
            self._connection.close()
            raise
        except sqlite3.OperationalError as error:
            self._connection.close()
            if "locked" in str(error):
                raise MediaError(
                    f"{path.parent}: another server uses it; choose another --data-dir"
                ) from error
            raise MediaError(f"{path}: cannot be used ({error})") from error
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise MediaError(
                f"{path}: is not a database of tcnet ({error}); choose another --data-dir"
            ) from error

    @contextmanager
    def use(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._connection.in_transaction:  # inside another use of this thread
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.rollback()  # nothing where a full disk has ended it
                raise

    def close(self) -> None:
        with self._lock:
            self._connection.close()
