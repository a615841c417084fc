"""Lets the warm process be ``muniment``: ``python -I -S warm_client.py SOCKET MUNIMENT ARGUMENT…``

archive_command runs this once for each segment, so it imports what Python has in it already.
"""

import _socket
import marshal
import os
import sys


def main() -> int:
    address, program, *arguments = sys.argv[1:]
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    try:
        connection.connect(address)
    except OSError:  # the test session has ended, the server has not
        os.execv(program, [program, *arguments])
    descriptors = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
    request = marshal.dumps((os.getcwd(), dict(os.environ), arguments))  # noqa: PTH109 (pathlib takes longer than this)
    connection.sendmsg([request], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, descriptors)])
    return int(connection.recv(4) or b"1")


if __name__ == "__main__":
    sys.exit(main())
