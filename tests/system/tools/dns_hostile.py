#!/usr/bin/env python3
"""dns_hostile.py IP PORT TRAP-IP - a name server that never tells the truth.

Every question gets the next lie of a list: cut, circular, oversized and foreign answers, wrong
identifiers, records that nobody asked for and that lead to TRAP-IP. Whoever believes one of them
sends SIP to TRAP-IP: that is said by "trapped" on standard output. "lies N" is printed at the end.
"""
import select
import signal
import socket
import struct
import sys

A, CNAME, SRV, NAPTR = 1, 5, 33, 35


def name(text):
    return b"".join(bytes([len(x)]) + x.encode() for x in text.split(".") if x) + b"\0"


def line(owner, kind, data, ttl=60, length=None):
    length = len(data) if length is None else length
    return owner + struct.pack(">HHIH", kind, 1, ttl, length) + data


class Question:
    def __init__(self, data):
        self.id = data[:2]
        end = 12
        labels = []
        while data[end]:
            labels.append(data[end + 1:end + 1 + data[end]].decode())
            end += data[end] + 1
        self.name = ".".join(labels)
        self.kind = struct.unpack(">H", data[end + 1:end + 3])[0]
        self.text = data[12:end + 5]


def packet(q, answers, **change):
    head = change.get("id", q.id) + struct.pack(
        ">HHHHH", change.get("flags", 0x8180), change.get("questions", 1),
        change.get("count", len(answers)), 0, 0)
    return head + change.get("question", q.text) + b"".join(answers)


HERE = b"\xc0\x0c"  # a pointer to the question's name


def truth_shaped(q, trap):
    """What an honest answer would look like if it led to the trap."""
    if q.kind == A:
        return line(HERE, A, trap)
    if q.kind == SRV:
        return line(HERE, SRV, struct.pack(">HHH", 0, 0, 5080) + name("trap.test"))
    if q.kind == NAPTR:
        return line(HERE, NAPTR, struct.pack(">HH", 1, 1) + b"\1s\7SIP+D2U\0" + name("trap.test"))
    return line(HERE, q.kind, bytes(16))


def lies(q, trap):
    good = truth_shaped(q, trap)
    yield packet(q, [good], id=bytes([q.id[0] ^ 1, q.id[1]]))
    yield packet(q, [good], question=name("other.test") + q.text[-4:])
    yield packet(q, [good], question=q.text[:-3] + b"\x0f" + q.text[-2:])
    yield packet(q, [good])[:-3]
    yield packet(q, [good], count=500)
    yield packet(q, [good], count=65535)
    yield packet(q, [good], questions=0)
    yield packet(q, [good], questions=2)
    yield packet(q, [good], flags=0x0100)
    yield packet(q, [line(name("x.test"), A, trap)])
    yield packet(q, [line(HERE, CNAME, HERE)])
    yield packet(q, [line(HERE, CNAME, name("a.test")), line(name("a.test"), CNAME, HERE)])
    yield packet(q, [line(HERE, CNAME, name("c%d.test" % 0))] + [
        line(name("c%d.test" % i), CNAME, name("c%d.test" % (i + 1))) for i in range(60)])
    yield packet(q, [line(b"\xc0\xff", q.kind, trap)])
    yield packet(q, [line(b"\xff\xff", q.kind, trap)])
    yield packet(q, [line(bytes([0xc0, 12 + len(q.text)]), q.kind, trap)])
    yield packet(q, [line(b"\x80x", q.kind, trap)])
    yield packet(q, [line(HERE, q.kind, trap, length=4000)])
    yield packet(q, [line(HERE, q.kind, b"")])
    yield packet(q, [line(HERE, q.kind, trap[:3])])
    yield packet(q, [line(HERE, q.kind, bytes(range(200)))])
    yield packet(q, [line(HERE, q.kind, struct.pack(">HHH", 0, 0, 1) + b"\x3f" + b"a" * 20)])
    yield packet(q, [line(HERE, q.kind, struct.pack(">HH", 1, 1) + b"\xffs")])
    yield packet(q, [line((b"\x3f" + b"a" * 63) * 5 + b"\0", q.kind, trap)])
    yield b""
    yield q.id
    yield q.id + b"\x81\x80"
    yield bytes(12)
    yield b"\xff" * 600
    yield packet(q, [], flags=0x8182)
    yield packet(q, [], flags=0x8185)
    yield packet(q, [good] * 100, flags=0x8380)  # and truncated: come by TCP, where nobody is


def main():
    ip, port, trap_ip = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    trap = socket.inet_aton(trap_ip)
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((ip, port))
    victims = []
    for victim_port in (5060, 5080):
        victims.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        victims[-1].bind((trap_ip, victim_port))
    told = 0
    running = True

    def stop(*_):
        nonlocal running
        running = False

    signal.signal(signal.SIGTERM, stop)
    print("ready", flush=True)
    while running:
        for ready in select.select([server] + victims, [], [], 0.2)[0]:
            data, source = ready.recvfrom(65535)
            if ready is not server:
                print("trapped", data[:40], flush=True)
                continue
            q = Question(data)
            every = list(lies(q, trap))
            server.sendto(every[told % len(every)], source)
            told += 1
    print("lies", told, flush=True)


main()
