#!/usr/bin/env python3
# sippeer - a peer that is called, its SIP and its frames written apart from Muga's.
#
#   sippeer.py tls HOST PORT IP CALLS CERT KEY CA  dials, offers its connection for both ways (RFC 5923)
#   sippeer.py ws IP PORT CALLS                    waits as a WebSocket server (RFC 7118)
#
# Answers CALLS calls without media, then prints what came of it as one JSON object; 0 calls end at once
# behind the answer to its own OPTIONS, or never as a server.
import base64
import hashlib
import json
import os
import socket
import ssl
import struct
import sys

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


def fields(message, name):
    lines = message.split("\r\n\r\n", 1)[0].split("\r\n")[1:]
    return [line.split(":", 1)[1].strip() for line in lines if line.lower().startswith(name.lower() + ":")]


class Stream:
    """SIP by TLS, cut by Content-Length."""

    def __init__(self, stream):
        self.stream, self.pending = stream, b""

    def message(self):
        while True:
            self.pending = self.pending.lstrip(b"\r\n")
            head, separator, rest = self.pending.partition(b"\r\n\r\n")
            if separator:
                length = int(fields((head + separator).decode(), "Content-Length")[0])
                if len(rest) >= length:
                    self.pending = rest[length:]
                    return (head + separator + rest[:length]).decode()
            data = self.stream.recv(65536)
            if not data:
                raise EOFError("the far end closed")
            self.pending += data

    def send(self, text):
        self.stream.sendall(text.encode())


class Server:
    """One WebSocket after the other; the request of each is kept."""

    def __init__(self, ip, port):
        self.listener = socket.create_server((ip, port))
        self.connections, self.pings, self.paths, self.stream = 0, 0, [], None

    def accept(self):
        self.stream, _ = self.listener.accept()
        self.pending, head = b"", b""
        while b"\r\n\r\n" not in head:
            head += self.stream.recv(65536)
        line, *lines = head.decode().split("\r\n")
        request = {name.lower(): value.strip() for name, value in (one.split(":", 1) for one in lines if one)}
        assert request["sec-websocket-protocol"] == "sip" and "host" in request, request
        accept = hashlib.sha1((request["sec-websocket-key"] + GUID).encode()).digest()
        self.stream.sendall(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Accept: {base64.b64encode(accept).decode()}\r\n"
                             "Sec-WebSocket-Protocol: sip\r\n\r\n").encode())
        self.connections += 1
        self.paths.append(line.split(" ")[1])

    def take(self, count):
        while len(self.pending) < count:
            data = self.stream.recv(65536)
            if not data:
                raise EOFError
            self.pending += data
        data, self.pending = self.pending[:count], self.pending[count:]
        return data

    def frame(self):
        first, second = self.take(2)
        assert second & 0x80, "a client masks"
        length = second & 0x7f
        if length == 126:
            length = struct.unpack("!H", self.take(2))[0]
        elif length == 127:
            length = struct.unpack("!Q", self.take(8))[0]
        mask = self.take(4)
        return first, bytes(b ^ mask[i % 4] for i, b in enumerate(self.take(length)))

    def put(self, kind, data):
        head = bytes([0x80 | kind])
        head += bytes([len(data)]) if len(data) < 126 else bytes([126]) + struct.pack("!H", len(data))
        self.stream.sendall(head + data)

    def message(self):
        text = b""
        while True:
            try:
                if self.stream is None:
                    self.accept()
                first, data = self.frame()
            except (EOFError, ConnectionError):
                self.stream = None
                continue
            kind = first & 0x0f
            if kind == PING:
                self.pings += 1
                print(json.dumps({"pings": self.pings, "paths": self.paths}), file=sys.stderr, flush=True)
                self.put(PONG, data)
            elif kind in (0, TEXT, 2):
                text += data
                if first & 0x80:
                    return text.decode()

    def send(self, text):
        self.put(TEXT, text.encode())


def answer(request, ip, status):
    method = request.split(" ", 1)[0]
    to = fields(request, "To")[0]
    text = f"SIP/2.0 {status}\r\n" + "".join(f"Via: {via}\r\n" for via in fields(request, "Via"))
    text += "".join(f"Record-Route: {route}\r\n" for route in fields(request, "Record-Route"))
    text += f"From: {fields(request, 'From')[0]}\r\nTo: {to}{'' if ';tag=' in to else ';tag=peer'}\r\n"
    text += f"Call-ID: {fields(request, 'Call-ID')[0]}\r\nCSeq: {fields(request, 'CSeq')[0]}\r\n"
    body = ""
    if method == "INVITE":
        body = (f"v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n")
        text += f"Contact: <sip:peer@{ip}:5061>\r\nContent-Type: application/sdp\r\n"
    return text + f"Content-Length: {len(body)}\r\n\r\n" + body


def serve(peer, ip, calls):
    good, vias = 0, []
    while good < calls:
        message = peer.message()
        if message.startswith("SIP/2.0 "):
            continue
        method = message.split(" ", 1)[0]
        if method == "INVITE":
            vias.append(fields(message, "Via")[0])
        if method != "ACK":
            peer.send(answer(message, ip, "200 OK"))
        good += method == "BYE"
    return {"good": good, "aliases": sum(";alias" in via for via in vias)}


def by_tls(host, port, ip, calls, cert, key, ca):
    context = ssl.create_default_context(cafile=ca)
    context.check_hostname = False
    context.load_cert_chain(cert, key)
    plain = socket.create_connection((host, int(port)), timeout=30, source_address=(ip, 0))
    peer = Stream(context.wrap_socket(plain, server_hostname="muga.example.com"))
    peer.send(f"OPTIONS sip:{host} SIP/2.0\r\nVia: SIP/2.0/TLS {ip}:5061;branch=z9hG4bK{os.urandom(8).hex()};alias\r\n"
              f"Max-Forwards: 70\r\nFrom: <sip:peer@{ip}>;tag=p\r\nTo: <sip:{host}>\r\n"
              f"Call-ID: {os.urandom(8).hex()}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")
    status = int(peer.message().split(" ")[1])
    print(json.dumps({"status": status}), file=sys.stderr, flush=True)
    return {"status": status, **(serve(peer, ip, int(calls)) if int(calls) else {})}


def by_ws(ip, port, calls):
    server = Server(ip, int(port))
    result = serve(server, ip, int(calls) or sys.maxsize)
    return {**result, "connections": server.connections, "pings": server.pings, "paths": server.paths}


print(json.dumps({"tls": by_tls, "ws": by_ws}[sys.argv[1]](*sys.argv[2:])))
