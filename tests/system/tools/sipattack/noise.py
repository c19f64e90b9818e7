# noise.py - messages that nobody should send: the RFCs' torture tests, cut, mutated and oversized ones.
import os
import select
import socket

from wire import (CARRIER_PORT, PHONE_PORT, SIP_PORT, STRANGER_PORT, V4, V6, Call, End, header, headers,
                  host, request, response, sdp, status)

# What comes back over the wire: a status, ROUTED (the called side gets an INVITE or a MESSAGE), or SILENCE.
ROUTED, SILENCE = "routed", "silence"
VERDICTS = {
    # RFC 4475 3.1.1: valid. REGISTER and MESSAGE are methods that Muga does not serve; wsinv names a
    # dialog that it does not know; the user of longreq is longer than any number.
    "rfc4475/wsinv.dat": 481, "rfc4475/intmeth.dat": 405, "rfc4475/esc01.dat": ROUTED,
    "rfc4475/escnull.dat": 405, "rfc4475/esc02.dat": 405, "rfc4475/lwsdisp.dat": 200,
    "rfc4475/longreq.dat": 484, "rfc4475/dblreq.dat": 405, "rfc4475/semiuri.dat": 200,
    "rfc4475/transports.dat": 200, "rfc4475/mpart01.dat": ROUTED, "rfc4475/unreason.dat": SILENCE,
    "rfc4475/noreason.dat": SILENCE,
    # 3.1.2: invalid; no answer finds its way by the Via of badinv01
    "rfc4475/badinv01.dat": SILENCE, "rfc4475/clerr.dat": 400, "rfc4475/ncl.dat": 400,
    "rfc4475/scalar02.dat": 400, "rfc4475/scalarlg.dat": SILENCE, "rfc4475/quotbal.dat": 400,
    "rfc4475/ltgtruri.dat": 400, "rfc4475/lwsruri.dat": 400, "rfc4475/lwsstart.dat": 400,
    "rfc4475/trws.dat": 400, "rfc4475/escruri.dat": 400, "rfc4475/baddate.dat": ROUTED,
    "rfc4475/regbadct.dat": 400, "rfc4475/badaspec.dat": 400, "rfc4475/baddn.dat": 400,
    "rfc4475/badvers.dat": 505, "rfc4475/mismatch01.dat": 400, "rfc4475/mismatch02.dat": 400,
    "rfc4475/bigcode.dat": SILENCE,
    # 3.2 to 3.4: transaction, application, compatibility. inv2543 has no Contact for our BYE.
    "rfc4475/badbranch.dat": 200, "rfc4475/insuf.dat": 400, "rfc4475/unkscm.dat": 416,
    "rfc4475/novelsc.dat": 416, "rfc4475/unksm2.dat": 405, "rfc4475/bext01.dat": 420,
    "rfc4475/invut.dat": 415, "rfc4475/regaut01.dat": 405, "rfc4475/multi01.dat": 400,
    "rfc4475/mcl01.dat": 400, "rfc4475/bcast.dat": SILENCE, "rfc4475/zeromf.dat": 200,
    "rfc4475/cparam01.dat": 405, "rfc4475/cparam02.dat": 405, "rfc4475/regescrt.dat": 405,
    "rfc4475/sdp01.dat": ROUTED, "rfc4475/inv2543.dat": 400,
    # RFC 5118
    "rfc5118/ipv6-good.dat": 405, "rfc5118/ipv6-bad.dat": 400, "rfc5118/port-ambiguous.dat": 405,
    "rfc5118/port-unambiguous.dat": 405, "rfc5118/via-received-param-with-delim.dat": 481,
    "rfc5118/via-received-param-no-delim.dat": 200, "rfc5118/ipv6-in-sdp.dat": ROUTED,
    "rfc5118/mult-ip-in-header.dat": 481, "rfc5118/mult-ip-in-sdp.dat": ROUTED,
    "rfc5118/ipv4-mapped-ipv6.dat": ROUTED, "rfc5118/ipv6-correct-abnf-2-colons.dat": 200,
    "rfc5118/ipv6-bug-abnf-3-colons.dat": 400,
}
# Where answers go: to the port of the top Via, unless it asks for rport (RFC 3581).
VIA_PORTS = (5050, 5070, 6050, 19823)


def first_answer(ends, carrier, data, timeout=1.0):
    """(verdict, text): what came first to any of them, 100 Trying and old answers left aside."""
    sockets = {end.socket: end for end in ends + [carrier]}
    while True:
        ready = select.select(list(sockets), [], [], timeout)[0]
        if not ready:
            return SILENCE, ""
        end = sockets[ready[0]]
        text = end.receive(0)
        if end is carrier and text.startswith(("INVITE ", "MESSAGE ")):
            return ROUTED, text
        if end is carrier or status(text) <= 100:
            continue
        if header(text, "CSeq").endswith("INVITE"):
            acknowledge(end, text)
        if header(text, "Call-ID").encode("latin-1") in data:
            return status(text), text


def acknowledge(end, answer):
    """ACK of an error answer, so that it is not repeated."""
    net = V6 if ":" in end.ip else V4
    lines = ["ACK sip:x@y SIP/2.0", "Via: " + headers(answer, "Via")[0]]
    lines += ["%s: %s" % (name, header(answer, name)) for name in ("From", "To", "Call-ID")]
    lines += ["CSeq: " + header(answer, "CSeq").replace("INVITE", "ACK"), "Content-Length: 0"]
    end.send("\r\n".join(lines) + "\r\n\r\n", net["border_a"])


def refuse(world, net, invite):
    """The called side refuses what reached it, so that nothing is left behind."""
    carrier = world.ends(net)[1]
    carrier.send(response(invite, 486, carrier), net["border_b"])
    if invite.startswith("INVITE "):
        carrier.wait("ACK ", 1)


def torture(world, options):
    carrier = world.ends(V4)[1]
    ends = [End(V4["phone"], port) for port in (SIP_PORT,) + VIA_PORTS]
    for name, wanted in VERDICTS.items():
        with open(os.path.join(options.messages, name), "rb") as f:
            data = f.read()
        # Many share this branch and would be repetitions of one another, where one worker has both.
        data = data.replace(b"z9hG4bKkdjuw", b"z9hG4bK" + world.names.next().encode())
        ends[0].send(data, V4["border_a"])
        got, text = first_answer(ends, carrier, data, 0.4 if wanted == SILENCE else 1.5)
        if got == ROUTED:
            refuse(world, V4, text)
        is_ok = got == wanted and (got != 400 or "400 Bad Request" not in text)
        world.report("torture/" + name, is_ok, "expected %s, got %s\n%s" % (wanted, got, text))
        for end in ends:
            end.drain(0.01)
    missing = [d + "/" + f for d in ("rfc4475", "rfc5118")
               for f in os.listdir(os.path.join(options.messages, d))
               if f.endswith(".dat") and d + "/" + f not in VERDICTS]
    world.report("torture/no message is left out", not missing, missing)
    for end in ends:
        end.close()
    world.settle("torture")


def answer_all(world, net, code=486):
    """Refuses every INVITE that has come through, so that its call ends at once."""
    phone, carrier = world.ends(net)
    for text in carrier.drain(0.002):
        if text.startswith("INVITE "):
            carrier.send(response(text, code, carrier), net["border_b"])
        elif text.startswith("BYE "):
            carrier.send(response(text, 200, carrier), net["border_b"])
    phone.drain(0)


def truncated(world, options):
    for net in (V4, V6):
        phone = world.ends(net)[0]
        call = Call(world, net=net)
        whole = request("INVITE", call.uri, phone, call.name, body=sdp(net["phone"]))
        for length in range(len(whole)):
            phone.send(whole[:length], net["border_a"])
            if length % 50 == 0:
                answer_all(world, net)
        answer_all(world, net)
    world.settle("truncated")


def mutate(random, data):
    data = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 3, 8))):
        at, what = random.randrange(len(data)), random.randrange(6)
        if what == 0:
            data[at] = random.randrange(256)
        elif what == 1:
            data[at:at] = bytes([random.choice(b"\r\n \t;,:<>\"=@%\0[]\\")]) * random.choice((1, 2, 40))
        elif what == 2:
            del data[at:at + random.choice((1, 2, 10, 60))]
        elif what == 3:
            end = at + random.randrange(80)
            data[at:at] = data[at:end]
        elif what == 4:
            other = random.randrange(len(data))
            data[at:at + 8] = data[other:other + 8]
        else:
            data[at:at] = random.choice((b"4294967296", b"-1", b"0", b"99999999999999999999",
                                         b"%00", b"\xff\xfe", b"\r\n\r\n", b";tag=x", b"sips:"))
        if not data:
            return b"x"
    return bytes(data)


def samples(world, net):
    """Valid messages of both sides, in and out of a living dialog: (from the phone?, text)."""
    call = Call(world, net=net)
    if not call.connect():
        return None, []
    phone, carrier = world.ends(net)
    offer = sdp(net["phone"], lines="m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\n"
                "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
                "m=video 40002 RTP/AVP 96\r\nb=AS:256\r\na=rtpmap:96 H264/90000\r\na=rtcp:40009\r\n")
    fresh = "m" + world.names.next()
    first = request("INVITE", call.uri, phone, fresh, body=offer)
    texts = [(True, first), (True, first), (True, call.inside("INVITE", body=offer)),
             (True, call.inside("BYE")), (True, call.inside("ACK")), (True, call.inside("OPTIONS")),
             (True, request("CANCEL", call.uri, phone, call.name)), (True, call.sent),
             (False, call.said), (False, response(call.incoming, 180, carrier)),
             (False, response(call.incoming, 500, carrier)), (False, call.inside_b("BYE", 7)),
             (False, call.inside_b("INVITE", 8, body=sdp(net["carrier"])))]
    return call, texts


def hang_up(world, call, net):
    """By both sides, with a CSeq above whatever a mutation may have said."""
    call.to_a(call.inside("BYE", cseq=2147483000))
    call.to_b(call.inside_b("BYE", 2147483000))
    answer_all(world, net)


def mutated(world, options):
    stranger = {V4["phone"]: End(V4["stranger"], STRANGER_PORT),
                V6["phone"]: End(V6["stranger"], STRANGER_PORT)}
    call, texts, net, half_kib = None, [], V4, 0
    for i in range(options.count):
        if i == options.count // 2:
            half_kib = world.memory_kib()
        if i % 500 == 0:
            if call is not None:
                hang_up(world, call, net)
            net = (V4, V6)[i // 500 % 2]
            call, texts = samples(world, net)
            if not texts:
                world.report("mutated/a call can be made after %d" % i, False)
                break
        is_phone, text = world.random.choice(texts)
        phone, carrier = world.ends(net)
        data = mutate(world.random, text.encode())
        sender, border = (phone, "border_a") if is_phone else (carrier, "border_b")
        if world.random.randrange(6) == 0:
            sender = stranger[net["phone"]]
        sender.send(data, net[border])
        if i % 20 == 19:
            answer_all(world, net)
    if call is not None:
        hang_up(world, call, net)
    answer_all(world, V4)
    answer_all(world, V6)
    world.settle("mutated", 45)
    grown_kib = world.memory_kib() - half_kib
    world.report("mutated/the second half takes no memory (%d KiB)" % grown_kib, grown_kib < 8192)


def oversized_texts(end, net, name):
    uri = "sip:%s@%s" % ("6100" if net is V6 else "100", host(net["border_a"]))
    many = ["X-Field-%d: %d" % (i, i) for i in range(200)]
    vias = ["Via: SIP/2.0/UDP hop%d.example.com;branch=z9hG4bKv%d" % (i, i) for i in range(64)]
    lines = "".join("m=audio %d RTP/AVP 8\r\n" % (30000 + 2 * i) for i in range(16))
    attributes = "m=audio 40000 RTP/AVP 8\r\n" + "".join("a=x-%d:%d\r\n" % (i, i) for i in range(500))
    bodies = {"16 media": sdp(net["phone"], lines=lines),
              "500 attributes": sdp(net["phone"], lines=attributes)}
    for what, text in bodies.items():
        yield what, request("INVITE", uri, end, name + what[:2].strip(), body=text)
    yield "200 headers", request("INVITE", uri, end, name + "h", extra=many, body=sdp(net["phone"]))
    yield "64 vias", request("INVITE", uri, end, name + "v", extra=vias, body=sdp(net["phone"]))
    yield "long display", request("INVITE", uri, end, name + "d", body=sdp(net["phone"])).replace(
        "From: ", 'From: "%s" ' % ("x" * 20000))
    yield "long user", request("INVITE", "sip:%s@x" % ("1" * 30000), end, name + "u")
    yield "long subject", request("INVITE", uri, end, name + "s", body=sdp(net["phone"]),
                                  extra=["Subject: " + "s" * 60000])
    body = sdp(net["phone"]) + "a=x:%s\r\n" % ("y" * 64000)
    yield "long body", request("INVITE", uri, end, name + "b", body=body)
    yield "65 kB of header", request("OPTIONS", uri, end, name + "k", extra=["X: " + "z" * 64800])
    yield "65 kB of lines", request("OPTIONS", uri, end, name + "l", extra=["a:b"] * 12800)
    yield "65 kB of nothing", "\r\n" * 32000
    yield "65 kB of noise", "A" * 65000
    yield "empty", ""


def oversized(world, options):
    for net in (V4, V6):
        phone, carrier = world.ends(net)
        for what, text in oversized_texts(phone, net, "big" + world.names.next()):
            phone.send(text, net["border_a"])
            got, answer = first_answer([phone], carrier, text.encode(), 0.3)
            if got == ROUTED:
                refuse(world, net, answer)
            world.report("oversized/%s/%s is %s" % ("v6" if net is V6 else "v4", what, got),
                         world.is_alive())
            answer_all(world, net)
    world.settle("oversized")


def stranger_texts(end, net):
    short = ("%s s:a SIP/2.0\r\nv:SIP/2.0/UDP a;branch=z9hG4bK%s\r\nf:<s:a>;tag=1\r\nt:<s:a>\r\n"
             "i:%s\r\nCSeq:1 %s\r\nl:0\r\n\r\n")
    uri = "sip:100@" + host(net["border_a"])
    for i, method in enumerate(("OPTIONS", "INVITE", "BYE", "CANCEL", "X", "REGISTER", "ACK")):
        for rport in ("", ";rport"):
            name = "r%d%s" % (i, "p" if rport else "")
            yield (short % (method, name + rport, name, method)).replace(" s:a", " sip:a")
            yield (short % (method, name + rport, name, method))
        yield request(method, uri, end, "full%d" % i, body=sdp(net["stranger"]))
        yield request(method, uri, end, "in%d" % i, to_tag="x" * 24)
        yield request(method, "sip:a", end, "bad%d" % i).replace("CSeq: 1", "CSeq: x")
    yield "\r\n\r\n"
    yield "SIP/2.0 200 OK\r\n\r\n"
    yield "x"


def reflection(world, options):
    """A stranger gets back at most twice what it sent, and never more than one answer."""
    for net in (V4, V6):
        end = End(net["stranger"], STRANGER_PORT)
        without_rport = End(net["stranger"], SIP_PORT)
        worst, most = 0.0, 0
        for text in stranger_texts(end, net):
            end.send(text, net["border_a"])
            answers = end.drain(0.03) + without_rport.drain(0.01)
            ratio = sum(map(len, answers)) / len(text)
            worst, most = max(worst, ratio), max(most, len(answers))
            if ratio > 2:
                print("  | %.2f: %r -> %r" % (ratio, text, answers))
        late = end.drain(1.2) + without_rport.drain(0.1)
        name = "reflection/v6" if net is V6 else "reflection/v4"
        world.report("%s/at most twice the bytes (%.2f)" % (name, worst), worst <= 2)
        world.report(name + "/one answer each", most <= 1 and not late, late)
        end.close()
        without_rport.close()
    world.settle("reflection")


phases = {"torture": torture, "truncated": truncated, "oversized": oversized,
          "reflection": reflection, "mutated": mutated}
