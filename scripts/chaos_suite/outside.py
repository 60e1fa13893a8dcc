# SPDX-License-Identifier: Apache-2.0
"""Builds the worker, then plays in namespaces of its own: what is mounted, filtered or started in there is gone with
them, however the suite ends. Only the logs of violations stay, below .build/chaos."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from stage import ROOT, Screen, StageFailure, build_worker

from . import options as given

INSIDE = 'ip link set lo up && "$@"; exit $?'  # a shell as first process reaps what daemons leave


def main():
    options = given.parse()
    screen, cleanup = Screen(), []
    os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"

    def interrupted(*_):
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    directory = tempfile.mkdtemp(prefix="compute-chaos.")
    status = 1
    try:
        program = options.program
        if not program:
            screen.title("building compute-worker (release)")
            program = build_worker("release", lambda step: screen.note("build", step), cleanup)
        # A copy: somebody may build anew while this runs.
        status = play(options, shutil.copy2(program, os.path.join(directory, "compute-worker")), directory)
    except StageFailure as failure:
        print(failure, file=sys.stderr)
    except KeyboardInterrupt:
        status = 130
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        for action in cleanup:
            action()
        shutil.rmtree(directory, ignore_errors=True)
    sys.exit(status)


def play(options, program, directory):
    kept = os.path.join(ROOT, ".build", "chaos", time.strftime("%Y%m%d-%H%M%S"))
    arguments = sys.argv[1:] + ["--program", program, "--directory", directory, "--kept", kept,
                                "--seed", str(options.seed)]
    command = ["unshare", "--mount", "--propagation", "private", "--net", "--pid", "--fork", "--kill-child",
               "--mount-proc", "bash", "-c", INSIDE, "chaos", sys.executable, "-m", "chaos_suite.inside", *arguments]
    if os.geteuid() != 0:
        raise StageFailure("chaos needs root: it mounts small disks, and keeps what it does in namespaces of its own")
    # The end of our end of the pipe tells the inside to stop, whatever became of us.
    process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.stdin.close()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return 130


if __name__ == "__main__":
    main()
