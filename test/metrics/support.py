"""Processes, waiting, and what is read out of the READMEs."""
import contextlib
import pathlib
import re
import shutil
import socket
import subprocess
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "integrations" / "prometheus"
GRAFANA = ROOT / "integrations" / "grafana"


def program(name):
    """A test that cannot find what it needs fails: skipped, it would look like one that passed."""
    found = shutil.which(name)
    assert found, f"{name} is not in PATH"
    return found


def run(*command, **options):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def fetch(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read().decode()


def wait_for(what, attempt, seconds=90):
    """The first true answer of attempt(). A server that does not answer yet is no answer."""
    deadline = time.monotonic() + seconds
    last = None
    while time.monotonic() < deadline:
        try:
            last = attempt()
        except OSError as error:
            last = error
        if last and not isinstance(last, OSError):
            return last
        time.sleep(0.2)
    raise AssertionError(f"no {what} in {seconds} s; the last answer was {last!r}")


@contextlib.contextmanager
def running(command, folder, ready, env=None):
    """The process while the block runs, from when ready() is true."""
    log = folder / (pathlib.Path(command[0]).name + ".log")
    with open(log, "wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        def alive_and_ready():
            assert process.poll() is None, f"{command[0]} ended:\n{log.read_text()}"
            return ready()
        wait_for(f"start of {command[0]}", alive_and_ready)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


def readme_block(readme, language, holding):
    """The one block of code of that language that holds a text."""
    blocks = re.findall(rf"^ *```{language}\n(.*?)^ *```", readme.read_text(), re.DOTALL | re.MULTILINE)
    found = [block for block in blocks if holding in block]
    assert len(found) == 1, f"{len(found)} blocks of {readme} hold {holding}"
    return found[0]


def documented_grants(readme, database, **variables):
    """The README's psql command for grants.sql, run for another database and other roles."""
    line, = [line for line in readme_block(readme, "sh", "<grants.sql").splitlines() if "<grants.sql" in line]
    command = line.split("psql", 1)[1].replace("-d app", f"-d {database}")
    for name, value in variables.items():
        command, count = re.subn(rf"-v {name}=\S+", f"-v {name}={value}", command)
        assert count == 1, f"the README's command sets no {name}: {line}"
    run("sh", "-c", f"psql -X -q {command}", cwd=readme.parent)
