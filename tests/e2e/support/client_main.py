"""Runs a client that uses grpcio: FILE or -c CODE, and its arguments. The process leaves when the client is done, without the
interpreter's own end: that kills grpcio's threads wherever they are, and what follows may wait for a lock that one of them
had. A client that hangs tells after 100 s where each of its threads is."""
import faulthandler
import os
import runpy
import sys
import traceback

faulthandler.dump_traceback_later(100)
code = 0
try:
    if sys.argv[1] == "-c":
        program = sys.argv[2]
        sys.argv[:3] = ["-c"]
        sys.path[0] = ""
        exec(compile(program, "client", "exec"), {"__name__": "__main__"})  # pylint: disable=exec-used
    else:
        sys.argv[:1] = []
        sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
        runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as end:
    code = end.code or 0
    if not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
except BaseException:  # pylint: disable=broad-except
    traceback.print_exc()
    code = 1
sys.stdout.flush()
sys.stderr.flush()
os._exit(code)
