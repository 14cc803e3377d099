"""An HTTP/2 client that sends any frame: for what no gRPC library would say."""
import select
import socket
import struct
import time

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 1, 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

STATIC = """:authority|:method GET|:method POST|:path /|:path /index.html|:scheme http|:scheme https|:status 200|:status 204
:status 206|:status 304|:status 400|:status 404|:status 500|accept-charset|accept-encoding gzip, deflate|accept-language
accept-ranges|accept|access-control-allow-origin|age|allow|authorization|cache-control|content-disposition|content-encoding
content-language|content-length|content-location|content-range|content-type|cookie|date|etag|expect|expires|from|host|if-match
if-modified-since|if-none-match|if-range|if-unmodified-since|last-modified|link|location|max-forwards|proxy-authenticate
proxy-authorization|range|referer|refresh|retry-after|server|set-cookie|strict-transport-security|transfer-encoding|user-agent
vary|via|www-authenticate""".replace("\n", "|").split("|")
STATIC = [tuple((entry + " ").split(" ", 1)) for entry in STATIC]

# How many bits HPACK's Huffman code has for each byte and for the end, in runs; codes of one length count up (RFC 7541, B).
HUFFMAN_BITS = """13 23 28x7 24 30 28x2 30 28x8 30 28x9 6 10x2 12 13 6 8 11 10x2 8 11 8 6x3 5x3 6x7 7 8 15 6 12 10 13 6 7x22 8 7 8
13 19 13 14 6 15 5 6 5 6 5 6x3 5 7x2 6x3 5 6 7 6 5x2 6 7x5 15 11 14 13 28 20 22 20x2 22x3 23 22 23x5 24 23 24x2
22 23 24 23x4 21 22 23 22 23x2 24 22 21 20 22x2 23x2 21 23 22x2 24 21 22 23x2 21x2 22 21 23 22 23x2 20 22x3 23
22x2 23 26x2 20 19 22 23 22 25 26x3 27x2 26 24 25 19 21 26 27x2 26 27 24 21x2 26x2 28 27x3 20 24 20 21 22 21x2
23 22x2 25x2 24x2 26 23 26 27 26x2 27x5 28 27x5 26 30"""


def huffman_codes():
    bits = [int(run.split("x")[0]) for run in HUFFMAN_BITS.split() for _ in range(int((run + "x1").split("x")[1]))]
    codes, code, before = {}, 0, 0
    for length, symbol in sorted((length, symbol) for symbol, length in enumerate(bits)):
        code <<= length - before
        codes[length, code] = symbol
        before, code = length, code + 1
    return codes


HUFFMAN = huffman_codes()


def huffman(data):
    """The text of such a string; what is left at its end is padding."""
    out, length, code = bytearray(), 0, 0
    for byte in data:
        for at in range(7, -1, -1):
            length, code = length + 1, code << 1 | byte >> at & 1
            if (length, code) in HUFFMAN:
                out.append(HUFFMAN[length, code])
                length, code = 0, 0
    return out.decode("latin-1")



def frame(kind, flags, stream, payload=b""):
    return struct.pack(">IBI", len(payload) << 8 | kind, flags, stream) + payload


def integer(n, bits, first=0):
    most = (1 << bits) - 1
    if n < most:
        return bytes([first | n])
    out, n = bytes([first | most]), n - most
    while n > 0x7f:
        out, n = out + bytes([n & 0x7f | 0x80]), n >> 7
    return out + bytes([n])


def header_block(pairs):
    """Literals that nobody keeps."""
    out = b""
    for key, value in pairs:
        key, value = (x.encode() if isinstance(x, str) else x for x in (key, value))
        out += b"\0" + integer(len(key), 7) + key + integer(len(value), 7) + value
    return out


def request(path, *more, method="POST", content_type="application/grpc", te="trailers", authority="localhost"):
    pairs = [(":method", method), (":scheme", "http"), (":path", path), (":authority", authority),
             ("content-type", content_type), ("te", te), *more]
    return header_block([(k, v) for k, v in pairs if v is not None])


def message(data=b"", flag=0, length=None):
    """A gRPC message in its frame; its length may lie."""
    return struct.pack(">BI", flag, len(data) if length is None else length) + data


def readable(s, timeout):
    """As select() says it, for any number of descriptors."""
    poll = select.poll()
    poll.register(s, select.POLLIN)
    return bool(poll.poll(timeout * 1000))


class Connection:
    """One connection. What comes is kept by stream; the connection's own business (settings, pings) is done unless
    `silent`, and its windows are kept open when it `reads`."""

    def __init__(self, address, settings=(), silent=False, reads=True, receive_buffer=None, preface=PREFACE):
        host, port = address.rsplit(":", 1)
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(30)
        self.socket.connect((host, int(port)))
        self.silent, self.reads = silent, reads
        self.buffer = b""
        self.table = []
        self.streams = {}
        self.window, self.initial, self.windows_known = 65535, 65535, False
        self.goaway = None
        self.acked = False
        self.closed = False
        payload = b"".join(struct.pack(">HI", k, v) for k, v in settings)
        if preface:
            self.send(preface + frame(SETTINGS, 0, 0, payload))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """Sends all; False when the server has closed or takes no more."""
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            self.closed = True
            return False

    def call(self, stream, path, body=b"", *more, end=True, **headers):
        """A request in one go: headers and, unless body is None, data."""
        block = request(path, *more, **headers)
        pieces = [block[at:at + 16384] for at in range(0, len(block), 16384)]
        data = b""
        for i, piece in enumerate(pieces):
            flags = END_HEADERS if i == len(pieces) - 1 else 0
            data += frame(CONTINUATION if i else HEADERS, flags | (END_STREAM if body is None and not i else 0), stream, piece)
        if body is not None and len(body) > 60_000:
            return self.send(data) and self.send_within_windows(stream, body, end)
        if body is not None:
            for at in range(0, len(body) or 1, 16384):
                piece = body[at:at + 16384]
                last = at + 16384 >= len(body)
                data += frame(DATA, END_STREAM if last and end else 0, stream, piece)
        return self.send(data)

    def send_within_windows(self, stream, body, end, timeout=60):
        """DATA as fast as the server's windows let it go; False when the stream is over before."""
        until, at = time.monotonic() + timeout, 0
        while not self.windows_known:
            if self.closed or time.monotonic() > until:
                return False
            self.read(0.1)
        st = self.stream(stream)
        while at < len(body):
            room = min(16384, self.window, self.initial + st["window"] - at, len(body) - at)
            if room <= 0 or readable(self.socket, 0):
                self.read(0.1)
            if st["ended"] or self.closed or time.monotonic() > until:
                return False
            if room > 0:
                self.window -= room
                last = end and at + room == len(body)
                self.send(frame(DATA, END_STREAM if last else 0, stream, body[at:at + room]))
                at += room
        return True

    def stream(self, number):
        return self.streams.setdefault(number, {"headers": {}, "data": b"", "reset": None, "ended": False, "behind": 0,
                                                "window": 0})

    def read(self, timeout):
        """What has come within the time; False when nothing did."""
        if self.closed or not readable(self.socket, timeout):
            return False
        try:
            got = self.socket.recv(1 << 20)
        except ConnectionResetError:
            got = b""
        if not got:
            self.closed = True
            return False
        self.buffer += got
        while len(self.buffer) >= 9:
            head, flags, stream = struct.unpack(">IBI", self.buffer[:9])
            length, kind = head >> 8, head & 0xff
            if len(self.buffer) < 9 + length:
                break
            payload, self.buffer = self.buffer[9:9 + length], self.buffer[9 + length:]
            self.take(kind, flags, stream & 0x7fffffff, payload)
        return True

    def take(self, kind, flags, number, payload):
        if kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload), 6):
                key, value = struct.unpack(">HI", payload[at:at + 6])
                self.initial = value if key == 4 else self.initial
            self.windows_known = True
        if kind == SETTINGS and not flags & ACK and not self.silent:
            self.send(frame(SETTINGS, ACK, 0))
        elif kind == SETTINGS and flags & ACK:
            self.acked = True
        elif kind == WINDOW_UPDATE and number == 0:
            self.window += struct.unpack(">I", payload)[0]
        elif kind == WINDOW_UPDATE:
            self.stream(number)["window"] += struct.unpack(">I", payload)[0]
        elif kind == PING and not flags & ACK and not self.silent:
            self.send(frame(PING, ACK, 0, payload))
        elif kind == GOAWAY:
            self.goaway = (struct.unpack(">I", payload[4:8])[0], payload[8:])
        elif number:
            st = self.stream(number)
            if st["ended"] and kind != RST_STREAM:
                st["behind"] += 1  # frames behind the end of the stream
            elif kind == HEADERS:
                st["headers"].update(self.headers(payload))
            elif kind == DATA:
                st["data"] += payload
                if payload and self.reads:
                    more = struct.pack(">I", len(payload))
                    self.send(frame(WINDOW_UPDATE, 0, 0, more) + frame(WINDOW_UPDATE, 0, number, more))
            elif kind == RST_STREAM:
                st["reset"] = struct.unpack(">I", payload)[0]
                st["ended"] = True
            if kind in (HEADERS, DATA) and flags & END_STREAM:
                st["ended"] = True

    def headers(self, block):
        at, out = 0, {}

        def number(bits):
            nonlocal at
            n = block[at] & (1 << bits) - 1
            at += 1
            if n == (1 << bits) - 1:
                shift = 0
                while True:
                    byte = block[at]
                    at += 1
                    n += (byte & 0x7f) << shift
                    shift += 7
                    if not byte & 0x80:
                        break
            return n

        def text():
            nonlocal at
            packed = block[at] & 0x80
            n = number(7)
            value = block[at:at + n]
            at += n
            return huffman(value) if packed else value.decode("latin-1")

        def entry(n):
            return STATIC[n - 1] if n <= len(STATIC) else self.table[n - len(STATIC) - 1]

        while at < len(block):
            first = block[at]
            if first & 0x80:
                key, value = entry(number(7))
            elif first & 0x40 or not first & 0x20:
                keep = first & 0x40
                n = number(6 if keep else 4)
                key = entry(n)[0] if n else text()
                value = text()
                if keep:
                    self.table.insert(0, (key, value))
            else:
                number(5)
                continue
            out[key] = value.strip() if key.startswith(":") else value
        return out

    def finish(self, number, timeout=20):
        """Waits for the end of a stream: (status or None, text, what came)."""
        until = time.monotonic() + timeout
        st = self.stream(number)
        while not st["ended"] and not self.closed and time.monotonic() < until:
            self.read(0.2)
        status = st["headers"].get("grpc-status")
        return (int(status) if status is not None else None), st["headers"].get("grpc-message", ""), st

    def wait_closed(self, timeout):
        """Whether the server closes within the time."""
        until = time.monotonic() + timeout
        while not self.closed and time.monotonic() < until:
            self.read(0.1)
        return self.closed
