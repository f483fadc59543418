# Room: bench. Runs one program and prints what it took, as JSON: nanoseconds from its start until it was gone, processor time of
# all its threads, the most memory it had at once, its exit status, and what it said on stderr. argv: the program and its arguments.
#
# Not in JavaScript: Node.js does not tell what wait4(2) says of a child, and a child of Node.js begins with the memory of Node.js in
# ru_maxrss (getrusage(2): the maximum outlives execve). What this program has of its own is a fifth of what any Node.js needs.
import json
import os
import sys
import tempfile
import time

with tempfile.TemporaryFile() as said, open(os.devnull, "r+b") as null:
    streams = [(os.POSIX_SPAWN_DUP2, one.fileno(), to) for one, to in ((null, 0), (null, 1), (said, 2))]
    begun = time.monotonic_ns()
    child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=streams)
    _, status, usage = os.wait4(child, 0)
    ended = time.monotonic_ns()
    said.seek(0)
    json.dump(
        {
            "time": ended - begun,
            "cpu": round((usage.ru_utime + usage.ru_stime) * 1e9),
            "memory": usage.ru_maxrss * 1024,
            "status": os.waitstatus_to_exitcode(status),
            "stderr": said.read().decode(errors="replace"),
        },
        sys.stdout,
    )
