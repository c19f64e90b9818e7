# wire.py - the attacker's hands: sockets, SIP texts, and what Muga says of itself meanwhile.
#
# Its SIP is written apart from signaling/sip on purpose: a mistake made twice would not show.
import json
import os
import random
import re
import select
import socket
import subprocess
import time

V4 = {"border_a": "10.77.0.1", "border_b": "10.77.0.2", "phone": "10.77.0.3", "carrier": "10.77.0.4",
      "small": "10.77.0.5", "stranger": "10.77.0.9", "media_a": "10.77.0.11", "media_b": "10.77.0.12"}
V6 = {"border_a": "fd77::1", "border_b": "fd77::2", "phone": "fd77::3", "carrier": "fd77::4",
      "small": "fd77::5", "stranger": "fd77::9", "media_a": "fd77::11", "media_b": "fd77::12"}
SIP_PORT, PHONE_PORT, CARRIER_PORT, STRANGER_PORT = 5060, 5090, 5080, 5099


def host(ip):
    return "[%s]" % ip if ":" in ip else ip


class End:
    """One UDP socket that speaks for somebody."""

    def __init__(self, ip, port):
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.bind((ip, port))
        self.ip, self.port = ip, self.socket.getsockname()[1]
        self.sent = self.received = 0

    def __str__(self):
        return "%s:%d" % (host(self.ip), self.port)

    def send(self, data, ip, port=SIP_PORT):
        if isinstance(data, str):
            data = data.encode("latin-1")
        self.sent += len(data)
        try:
            self.socket.sendto(data, (ip, port))
        except OSError:
            pass  # a datagram that the kernel refuses attacks nobody

    def receive(self, timeout=1.0):
        """The next datagram as text, or None."""
        if not select.select([self.socket], [], [], timeout)[0]:
            return None
        data = self.socket.recv(65535)
        self.received += len(data)
        return data.decode("latin-1")

    def wait(self, pattern, timeout=1.0, name=None):
        """The next datagram whose first line matches, of the call of that name if one is given; others
        are thrown away."""
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            text = self.receive(left)
            if text is not None and re.match(pattern, text) and name in (None, header(text, "Call-ID")):
                return text
        return None

    def drain(self, timeout=0.05):
        """All that has come, and comes while no pause is longer than `timeout`."""
        texts = []
        while (text := self.receive(timeout)) is not None:
            texts.append(text)
        return texts

    def close(self):
        self.socket.close()


def header(text, name):
    found = re.search(r"^%s[ \t]*:[ \t]*(.*?)\r?$" % name, text, re.M | re.I)
    return found.group(1) if found else ""


def headers(text, name):
    return re.findall(r"^%s[ \t]*:[ \t]*(.*?)\r?$" % name, text, re.M | re.I)


def status(text):
    found = re.match(r"SIP/2.0 (\d{3}) ", text or "")
    return int(found.group(1)) if found else 0


def body(text):
    return text.partition("\r\n\r\n")[2]


def sdp(ip, port=40000, lines=None):
    family = "IP6" if ":" in ip else "IP4"
    return ("v=0\r\no=- 1 1 IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\n" % (family, ip, family, ip) +
            (lines if lines is not None else "m=audio %d RTP/AVP 8 0\r\n" % port))


def uri_of(contact):
    return re.search(r"<([^>]*)>|^([^;]*)", contact).group(1)


class Names:
    """Identifiers that never repeat; from a seed, so that a run can be done again."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.prefix = "%x" % (time.time_ns() & 0xffffff)
        self.count = 0

    def next(self):
        self.count += 1
        return "%s.%d" % (self.prefix, self.count)


def request(method, uri, end, name, **options):
    """options: to_tag, cseq, extra, body, hops, branch, from_user, from_tag, type."""
    text = options.get("body", "")
    lines = [
        "%s %s SIP/2.0" % (method, uri),
        "Via: SIP/2.0/UDP %s;branch=%s;rport" % (end, options.get("branch", "z9hG4bK" + name)),
        "Max-Forwards: %d" % options.get("hops", 70),
        "From: <sip:%s@%s>;tag=%s" % (options.get("from_user", "attacker"), end,
                                      options.get("from_tag", "t" + name)),
        "To: <%s>%s" % (uri, ";tag=" + options["to_tag"] if options.get("to_tag") else ""),
        "Call-ID: %s" % name,
        "CSeq: %d %s" % (options.get("cseq", 1), options.get("cseq_method", method)),
        "Contact: <sip:attacker@%s>" % end,
    ] + options.get("extra", [])
    if text:
        lines.append("Content-Type: %s" % options.get("type", "application/sdp"))
    lines.append("Content-Length: %d" % len(text))
    return "\r\n".join(lines) + "\r\n\r\n" + text


def response(of, code, end, **options):
    """Answers a request that came. options: tag, body, extra."""
    text = options.get("body", "")
    to = header(of, "To")
    if "tag=" not in to and code > 100:
        to += ";tag=" + options.get("tag", "callee")
    lines = ["SIP/2.0 %d Said" % code] + ["Via: " + via for via in headers(of, "Via")] + [
        "From: " + header(of, "From"), "To: " + to, "Call-ID: " + header(of, "Call-ID"),
        "CSeq: " + header(of, "CSeq"), "Contact: <sip:callee@%s>" % end,
    ] + options.get("extra", [])
    if text:
        lines.append("Content-Type: application/sdp")
    lines.append("Content-Length: %d" % len(text))
    return "\r\n".join(lines) + "\r\n\r\n" + text


class Call:
    """A call of the phone to the carrier, step by step; a step that fails gives False."""

    def __init__(self, world, user=None, net=V4):
        user = user or ("6100" if net is V6 else "100")
        self.world, self.net = world, net
        self.phone, self.carrier = world.ends(net)
        self.name = world.names.next()
        self.uri = "sip:%s@%s" % (user, host(net["border_a"]))
        self.cseq = 1
        self.incoming = self.answered = None

    def to_a(self, text):
        self.phone.send(text, self.net["border_a"])

    def to_b(self, text):
        self.carrier.send(text, self.net["border_b"])

    def hear(self, pattern, timeout=1.0):
        """The next answer to the phone in this call: those of earlier ones may be repeated."""
        return self.phone.wait(pattern, timeout, self.name)

    def invite(self, **options):
        options.setdefault("body", sdp(self.net["phone"]))
        self.sent = request("INVITE", self.uri, self.phone, self.name, **options)
        self.to_a(self.sent)
        self.incoming = self.carrier.wait("INVITE ", 2)
        return self.incoming is not None

    def answer(self, code=200, **options):
        if code >= 180:
            options.setdefault("body", sdp(self.net["carrier"], 42000) if code == 200 else "")
        self.said = response(self.incoming, code, self.carrier, **options)
        self.to_b(self.said)
        self.answered = self.hear("SIP/2.0 %d" % code, 2)
        return self.answered is not None

    def tag(self):
        return re.search("tag=([^;\r]*)", header(self.answered, "To")).group(1)

    def inside(self, method, **options):
        """A request of the phone in the dialog."""
        if method not in ("ACK", "CANCEL"):
            self.cseq += 1
        options.setdefault("cseq", self.cseq)
        options.setdefault("branch", "z9hG4bK" + self.world.names.next())
        return request(method, uri_of(header(self.answered, "Contact")), self.phone, self.name,
                       to_tag=self.tag(), **options)

    def inside_b(self, method, cseq=1, **options):
        """A request of the carrier in the dialog."""
        remote = re.search("tag=([^;\r]*)", header(self.incoming, "From")).group(1)
        return request(method, uri_of(header(self.incoming, "Contact")), self.carrier,
                       header(self.incoming, "Call-ID"), to_tag=remote, cseq=cseq,
                       from_tag=options.pop("from_tag", "callee"),
                       branch="z9hG4bK" + self.world.names.next(), **options)

    def ack(self, **options):
        options.setdefault("cseq", self.cseq)
        self.to_a(self.inside("ACK", **options))

    def connect(self):
        if not self.invite() or not self.answer():
            return False
        self.ack()
        return self.carrier.wait("ACK ", 2) is not None

    def bye(self):
        """The phone hangs up; both sides must agree."""
        self.to_a(self.inside("BYE"))
        other = self.carrier.wait("BYE ", 2)
        if other is None:
            return False
        self.to_b(response(other, 200, self.carrier))
        return self.hear("SIP/2.0 200", 2) is not None


class World:
    def __init__(self, options):
        self.muga_path, self.config, self.pid = options.muga, options.config, options.pid
        self.log = options.log
        self.names = Names(options.seed)
        self.random = self.names.random
        self.failed = 0
        self.pairs = {}
        self.is_long = options.long

    def ends(self, net):
        if net["phone"] not in self.pairs:
            self.pairs[net["phone"]] = (End(net["phone"], PHONE_PORT),
                                        End(net["carrier"], CARRIER_PORT))
        return self.pairs[net["phone"]]

    def drain(self):
        for pair in self.pairs.values():
            for end in pair:
                end.drain(0.01)

    def report(self, name, is_ok, why=""):
        print("%s %s" % ("ok" if is_ok else "not ok", name), flush=True)
        if not is_ok:
            self.failed += 1
            for line in str(why)[:1500].splitlines():
                print("  | " + line, flush=True)

    def muga(self, *words):
        done = subprocess.run([self.muga_path, "--config", self.config, *words, "--json"],
                              capture_output=True, text=True, timeout=20)
        try:
            return json.loads(done.stdout)
        except ValueError:
            return None

    def is_alive(self):
        try:
            with open("/proc/%d/stat" % self.pid) as f:
                return f.read().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    def sanitizer_reports(self):
        with open(self.log, errors="replace") as f:
            return re.findall(r".*(?:ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:"
                              r"|check failed).*", f.read())

    def is_quiet(self):
        calls, ports = self.muga("show", "calls"), self.muga("show", "ports")
        return bool(calls and ports and calls["total"] == 0 and
                    sum(a["used"] + a["resting"] for a in ports["addresses"]) == 0)

    def memory_kib(self):
        with open("/proc/%d/status" % self.pid) as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))

    def settle(self, name, seconds=10):
        """What must hold after every attack; `seconds` for the timers that it left behind. Attacks that
        leave the 32 s timers of RFC 3261 behind are waited for one by one only with --long, else
        together at the end."""
        if seconds > 10 and not self.is_long:
            self.report(name + "/alive", self.is_alive())
            return self.is_alive()
        end = time.monotonic() + seconds
        while self.is_alive() and not self.is_quiet() and time.monotonic() < end:
            for phone, carrier in self.pairs.values():
                self.answer_byes(phone)
                self.answer_byes(carrier)
            time.sleep(0.2)
        self.drain()
        self.report(name + "/alive", self.is_alive())
        reports = self.sanitizer_reports()
        self.report(name + "/no sanitizer report", not reports, "\n".join(reports))
        if self.is_alive():
            self.report(name + "/no call and no port left", self.is_quiet(),
                        json.dumps([self.muga("show", "calls"), self.muga("show", "ports")]))
        return self.is_alive()

    def answer_byes(self, end):
        net = V6 if ":" in end.ip else V4
        border = net["border_a"] if end.port == PHONE_PORT else net["border_b"]
        for text in end.drain(0.01):
            if text.startswith("BYE "):
                end.send(response(text, 200, end), border)
