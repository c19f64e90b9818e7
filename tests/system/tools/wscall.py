#!/usr/bin/env python3
# wscall - a caller over WebSocket (RFC 7118), its frames and its SIP written apart from Muga's.
#
#   wscall.py ws|wss HOST PORT USER COUNT [CA]
#
# Makes COUNT calls over one connection, one after the other, without media; between them pings, pongs,
# fragments and keep-alives. Prints what came of it as one JSON object.
import base64
import hashlib
import json
import os
import socket
import ssl
import struct
import sys

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Socket:
    def __init__(self, kind, host, port, ca):
        self.stream = socket.create_connection((host, port), timeout=10)
        self.local = self.stream.getsockname()
        if kind == "wss":
            context = ssl.create_default_context(cafile=ca)
            self.stream = context.wrap_socket(self.stream, server_hostname=host)
        self.pending, self.pongs = b"", 0
        self.upgrade(host, port)

    def upgrade(self, host, port):
        key = base64.b64encode(os.urandom(16)).decode()
        self.stream.sendall((f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
                             f"Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                             "Sec-WebSocket-Protocol: sip\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.more()
        head, self.pending = head.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        fields = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:])}
        want = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        assert lines[0].startswith("HTTP/1.1 101 "), lines[0]
        assert fields["sec-websocket-accept"] == want and fields["sec-websocket-protocol"] == "sip", fields

    def more(self):
        data = self.stream.recv(65536)
        if not data:
            raise EOFError("the far end closed")
        return data

    def take(self, count):
        while len(self.pending) < count:
            self.pending += self.more()
        data, self.pending = self.pending[:count], self.pending[count:]
        return data

    def put(self, kind, data, is_last=True):
        mask = os.urandom(4)
        head = bytes([kind | (0x80 if is_last else 0)])
        if len(data) < 126:
            head += bytes([0x80 | len(data)])
        else:
            head += bytes([0x80 | 126]) + struct.pack("!H", len(data))
        self.stream.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def frame(self):
        first, second = self.take(2)
        assert second & 0x80 == 0, "a server does not mask"
        length = second & 0x7f
        if length == 126:
            length = struct.unpack("!H", self.take(2))[0]
        elif length == 127:
            length = struct.unpack("!Q", self.take(8))[0]
        return first & 0x0f, self.take(length)

    def message(self):
        while True:
            kind, data = self.frame()
            if kind == PONG:
                self.pongs += 1
            elif kind == PING:
                self.put(PONG, data)
            elif kind == CLOSE:
                raise EOFError("closed: " + repr(data))
            else:
                return data.decode()


def field(message, name):
    for line in message.split("\r\n"):
        if line.lower().startswith(name.lower() + ":"):
            return line.split(":", 1)[1].strip()
    return ""


class Caller:
    def __init__(self, connection, kind, host, user):
        self.connection, self.host, self.user = connection, host, user
        self.via, self.name = kind.upper(), os.urandom(6).hex() + ".invalid"  # RFC 7118 5.1

    def request(self, method, call, cseq, to="", target="", body=""):
        text = (f"{method} {target or f'sip:{self.user}@{self.host}'} SIP/2.0\r\n"
                f"Via: SIP/2.0/{self.via} {self.name};branch=z9hG4bK{os.urandom(8).hex()}\r\n"
                f"Max-Forwards: 70\r\nFrom: <sip:ws@{self.name}>;tag={call}f\r\n"
                f"To: {to or f'<sip:{self.user}@{self.host}>'}\r\nCall-ID: {call}\r\nCSeq: {cseq} {method}\r\n"
                f"Contact: <sip:ws@{self.name};transport=ws>\r\n")
        if body:
            text += f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
        return (text + "\r\n" + body).encode()  # RFC 7118 5: Content-Length may be missing

    def answer(self, call, cseq):
        while True:
            message = self.connection.message()
            assert field(message, "Call-ID") == call, message
            status = int(message.split(" ", 2)[1])
            if status >= 200 and field(message, "CSeq").startswith(f"{cseq} "):
                return status, message

    def one(self, turn):
        call, ip = os.urandom(8).hex(), self.connection.local[0]
        body = (f"v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n"
                "m=audio 40000 RTP/AVP 8\r\n")
        invite = self.request("INVITE", call, 1, body=body)
        if turn % 2:
            self.connection.put(TEXT, invite)
        else:  # in three frames, a ping between them
            self.connection.put(BINARY, invite[:100], is_last=False)
            self.connection.put(PING, b"between")
            self.connection.put(0, invite[100:300], is_last=False)
            self.connection.put(0, invite[300:])
        status, message = self.answer(call, 1)
        target = field(message, "Contact").strip("<>")
        self.connection.put(TEXT, self.request("ACK", call, 1, field(message, "To"), target))
        if status != 200:
            return status
        assert "transport=ws" in target, target
        self.connection.put(TEXT, self.request("BYE", call, 2, field(message, "To"), target))
        return self.answer(call, 2)[0]


def main():
    kind, host, port, user, count = sys.argv[1:6]
    connection = Socket(kind, host, int(port), sys.argv[6] if len(sys.argv) > 6 else None)
    caller = Caller(connection, kind, host, user)
    statuses = [caller.one(turn) for turn in range(int(count))]
    connection.put(CLOSE, struct.pack("!H", 1000))
    kind = connection.frame()[0]
    print(json.dumps({"good": statuses.count(200), "statuses": statuses, "pongs": connection.pongs,
                      "is_closed": kind == CLOSE}))


main()
