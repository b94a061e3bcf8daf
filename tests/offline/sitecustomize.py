"""No connection leaves this machine. Python imports this at its start where the tests put the folder on its path."""

import socket


class OutsideError(RuntimeError):
    """Something tried to reach another machine."""


def _inside(host):
    return host in (None, "", b"", "localhost", "::1", "0.0.0.0", "::") or str(host).startswith("127.")


def _guard(owner, name, host_of):
    allowed = getattr(owner, name)

    def guarded(*arguments, **named):
        host = host_of(*arguments)
        if not _inside(host):
            raise OutsideError(f"{name}: the tests and the build reach no other machine, so not {host}")
        return allowed(*arguments, **named)

    setattr(owner, name, guarded)


def _address(_, address, *__):
    return address[0] if isinstance(address, tuple) else None  # a path is a socket of this machine


def _last(_, *arguments):
    return _address(None, arguments[-1])


_guard(socket.socket, "connect", _address)
_guard(socket.socket, "connect_ex", _address)
_guard(socket.socket, "sendto", _last)
for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
    _guard(socket, name, lambda host, *_: host)
