"""A PostgreSQL cluster of its own, thrown away at the end; it listens on a socket in its folder alone."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.real.processes import lack

# Nothing has to survive this cluster.
FLAGS = "-c listen_addresses= -c fsync=off -c full_page_writes=off -c max_connections=100 -c unix_socket_directories="


class Cluster:
    """A running cluster. Everybody who reaches its socket is its superuser."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self.programs = folder, programs

    def new_database(self, name: str) -> str:
        """Make an empty database and return its address."""
        self.run("createdb", "-h", str(self.folder), "-U", "jackfield", name)
        return f"postgresql+psycopg://jackfield@/{name}?host={self.folder}"

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs, which refuse to run as root."""
        as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        with (self.folder / "output").open("w+") as output:  # a pipe would be held open by the server
            command = [*as_user, str(self.programs / program), *arguments]
            code = subprocess.run(command, stdout=output, stderr=output, cwd=self.folder).returncode
            output.seek(0)
            assert code == 0, output.read()


@contextlib.contextmanager
def postgresql() -> Iterator[Cluster]:
    """Run a cluster inside the block."""
    programs = _programs()
    # Not below pytest's folder, which the user postgres may not enter.
    folder = Path(tempfile.mkdtemp(prefix="jackfield-postgresql-"))
    cluster = Cluster(folder, programs)
    data = str(folder / "data")
    try:
        if os.geteuid() == 0:
            os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
        cluster.run(
            "initdb", "-D", data, "-U", "jackfield", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"
        )
        cluster.run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", FLAGS + str(folder), "start")
        try:
            yield cluster
        finally:
            cluster.run("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def _programs() -> Path:
    """The folder of the newest PostgreSQL; Debian keeps it off the PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = debian[-1] if debian else shutil.which("initdb")
    if found is None:
        lack("PostgreSQL is not installed")
    return Path(found).parent
