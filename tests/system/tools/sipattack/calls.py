# calls.py - attacks by those who may call: floods, races, forks, loops, hostile session descriptions.
import re
import time

from wire import (SIP_PORT, STRANGER_PORT, V4, V6, Call, End, body, header, host, request, response, sdp,
                  status, uri_of)


def never_acked(world, options):
    """300 calls answered by the called side, none acknowledged by the caller."""
    calls = []
    for _ in range(300):
        call = Call(world)
        call.to_a(request("INVITE", call.uri, call.phone, call.name, body=sdp(V4["phone"])))
        calls.append(call)
        for text in call.carrier.drain(0.002):
            if text.startswith("INVITE "):
                call.to_b(response(text, 200, call.carrier, body=sdp(V4["carrier"], 42000)))
    end = time.monotonic() + 2
    while time.monotonic() < end:
        for text in calls[0].carrier.drain(0.05):
            if text.startswith("INVITE "):
                calls[0].to_b(response(text, 200, calls[0].carrier, body=sdp(V4["carrier"], 42000)))
    count = world.muga("show", "calls")["total"]
    world.report("never acked/300 calls wait for their ACK", count == 300, count)
    world.settle("never acked", 45)


def silent_callee(world, options):
    """300 INVITEs that the called side never answers: the ring timeout ends them."""
    for i in range(300):
        call = Call(world)
        call.to_a(request("INVITE", call.uri, call.phone, call.name, body=sdp(V4["phone"])))
    texts = call.phone.drain(6)
    codes = {}
    for text in texts:
        codes.setdefault(header(text, "Call-ID"), set()).add(status(text))
    ended = [c for c in codes.values() if 408 in c]
    world.report("silent callee/each caller hears 408", len(ended) == 300, len(ended))
    world.settle("silent callee", 45)


def full(world, options):
    """More calls than the limit: 503 with Retry-After, and the table is empty afterwards."""
    answers, calls = [], []
    for _ in range(1100):
        call = Call(world)
        call.to_a(request("INVITE", call.uri, call.phone, call.name, body=sdp(V4["phone"])))
        calls.append(call)
        answers += call.phone.drain(0)
    answers += call.phone.drain(0.5)
    refused = [t for t in answers if status(t) == 503]
    world.report("full/503 beyond the limit", len(refused) >= 90, len(refused))
    world.report("full/503 says when to come again",
                 all(header(t, "Retry-After").isdigit() for t in refused))
    for call in calls:
        call.to_a(request("CANCEL", call.uri, call.phone, call.name))
    drained = time.monotonic() + 3
    while time.monotonic() < drained:
        for text in call.carrier.drain(0.05):
            if text.startswith("CANCEL "):
                call.to_b(response(text, 200, call.carrier))
                call.to_b(response(text.replace("CANCEL", "INVITE"), 487, call.carrier))
            elif text.startswith("INVITE "):
                call.to_b(response(text, 486, call.carrier))
        call.phone.drain(0)
    world.settle("full", 45)


def trunk_limit(world, options):
    """A trunk's limit holds for both workers together."""
    small = End(V4["small"], 5080)
    names = []
    codes = []
    for _ in range(40):
        call = Call(world, "8100")
        names.append(call)
        call.to_a(request("INVITE", call.uri, call.phone, call.name, body=sdp(V4["phone"])))
        codes += [status(t) for t in call.phone.drain(0.01)]
    codes += [status(t) for t in call.phone.drain(0.3)]
    invites = {header(t, "Call-ID"): t for t in small.drain(0.1) if t.startswith("INVITE ")}
    world.report("trunk limit/10 calls pass", len(invites) == 10, len(invites))
    world.report("trunk limit/30 get 503", codes.count(503) >= 30, codes)
    for text in invites.values():
        small.send(response(text, 486, small), V4["border_b"])
    world.settle("trunk limit")
    small.close()


def cancel_races(world, options):
    wrong = []
    for i in range(60):
        call = Call(world, net=(V4, V6)[i % 2])
        if not call.invite():
            wrong.append("%d: no INVITE" % i)
            continue
        cancel = request("CANCEL", call.uri, call.phone, call.name)
        ok = response(call.incoming, 200, call.carrier, body=sdp(call.net["carrier"], 42000))
        first, second = (lambda: call.to_a(cancel)), (lambda: call.to_b(ok))
        if i % 4 >= 2:
            first, second = second, first
        if i % 3 == 0:
            call.to_b(response(call.incoming, 180, call.carrier))
        first()
        second()
        finals = {status(t) for t in call.phone.drain(0.05) if header(t, "Call-ID") == call.name and
                  "INVITE" in header(t, "CSeq")} - {100, 180}
        if finals not in ({487}, {200}):
            wrong.append("%d: finals %s" % (i, finals))
        heard = call.carrier.drain(0.03)
        if finals == {487} and not any(t.startswith("BYE ") for t in heard) and \
                not any(t.startswith("CANCEL ") for t in heard):
            wrong.append("%d: the callee is left alone: %s" % (i, [t[:20] for t in heard]))
        for text in heard:
            if text.startswith(("BYE ", "CANCEL ")):
                call.to_b(response(text, 200, call.carrier))
        if finals == {200}:
            ok_to_caller(call)
    world.report("cancel races/one final answer, nobody left", not wrong, "\n".join(wrong))
    world.settle("cancel races", 45)


def ok_to_caller(call):
    """Waits for the repeated 200 of its own call and ends that in order."""
    answered = call.hear("SIP/2.0 200", 1.5)
    if answered is not None and "INVITE" in header(answered, "CSeq"):
        call.answered = answered
        call.ack()
        call.to_a(call.inside("BYE"))
        text = call.carrier.wait("BYE ", 1)
        if text:
            call.to_b(response(text, 200, call.carrier))


def crossing_byes(world, options):
    wrong = []
    for i in range(20):
        call = Call(world, net=(V4, V6)[i % 2])
        if not call.connect():
            wrong.append("%d: no call" % i)
            continue
        call.to_a(call.inside("BYE"))
        call.to_b(call.inside_b("BYE"))
        a, b = call.phone.drain(0.05), call.carrier.drain(0.03)
        if not any(status(t) == 200 for t in a) or not any(status(t) in (200, 481) for t in b):
            wrong.append("%d: %s %s" % (i, [t[:30] for t in a], [t[:30] for t in b]))
        for text in b:
            if text.startswith("BYE "):
                call.to_b(response(text, 200, call.carrier))
        for text in a:
            if text.startswith("BYE "):
                call.to_a(response(text, 200, call.phone))
    world.report("crossing BYEs/both are answered", not wrong, "\n".join(wrong))
    world.settle("crossing BYEs")


def glare(world, options):
    wrong = []
    for i in range(10):
        call = Call(world)
        if not call.connect():
            wrong.append("%d: no call" % i)
            continue
        again = call.inside("INVITE", body=sdp(V4["phone"], 40100))
        call.to_a(again)
        call.to_b(call.inside_b("INVITE", 5, body=sdp(V4["carrier"], 42100)))
        texts = call.carrier.drain(0.1)
        through = [t for t in texts if t.startswith("INVITE ")]
        if len(through) != 1 or not any(status(t) == 491 for t in texts):
            wrong.append("%d: callee heard %s" % (i, [t[:30] for t in texts]))
            continue
        call.to_b(response(through[0], 200, call.carrier, body=sdp(V4["carrier"], 42100)))
        final = call.hear("SIP/2.0 200", 1)
        if final is None:
            wrong.append("%d: no answer to the first re-INVITE" % i)
            continue
        call.ack()
        if call.carrier.wait("ACK ", 1) is None:
            wrong.append("%d: no ACK" % i)
        if not call.bye():
            wrong.append("%d: no end" % i)
    world.report("glare/one passes, the other gets 491", not wrong, "\n".join(wrong))
    world.settle("glare")


def repeated_200(world, options):
    wrong = []
    for i in range(10):
        call = Call(world)
        if not call.connect():
            wrong.append("%d: no call" % i)
            continue
        for _ in range(5):
            call.to_b(call.said)
        acks = [t for t in call.carrier.drain(0.1) if t.startswith("ACK ")]
        if len(acks) != 5 or len(set(acks)) != 1:
            wrong.append("%d: %d ACKs, %d kinds" % (i, len(acks), len(set(acks))))
        if [t for t in call.phone.drain(0.02) if status(t)]:
            wrong.append("%d: the caller heard of it" % i)
        if not call.bye():
            wrong.append("%d: no end" % i)
    world.report("repeated 200/each gets the same ACK", not wrong, "\n".join(wrong))
    world.settle("repeated 200")


def forks(world, options):
    """Ten 2xx with ten tags: one is the call, nine get ACK and BYE."""
    wrong = []
    for i in range(5):
        call = Call(world)
        if not call.invite():
            wrong.append("%d: no INVITE" % i)
            continue
        for fork in range(10):
            call.to_b(response(call.incoming, 200, call.carrier, tag="fork%d" % fork,
                               body=sdp(V4["carrier"], 42000 + 2 * fork)))
        call.answered = call.hear("SIP/2.0 200", 1)
        if call.answered is None:
            wrong.append("%d: no answer" % i)
            continue
        call.ack()
        texts = call.carrier.drain(0.2)
        byes = {re.search("tag=(fork.)", header(t, "To")).group(1): t
                for t in texts if t.startswith("BYE ")}
        acked = {header(t, "To") for t in texts if t.startswith("ACK ")}
        if len(byes) != 9 or len(acked) != 10 or "fork0" in byes:
            wrong.append("%d: %d BYEs, %d ACKs" % (i, len(byes), len(acked)))
        for text in byes.values():
            call.to_b(response(text, 200, call.carrier))
        if not call.bye():
            wrong.append("%d: no end" % i)
    world.report("forks/nine are shed", not wrong, "\n".join(wrong))
    world.settle("forks")


def hostile_sdp(world, options):
    """Session descriptions that would send media in circles, to everybody or to nobody."""
    v4 = "m=audio %d RTP/AVP 8\r\n"
    cases = {
        "our own address": (sdp(V4["media_b"], 20000), 488),
        "our other address": (sdp(V4["media_a"], 20002), 488),
        "our own IPv6 address": (sdp(V6["media_a"], 20002), 488),
        "loopback": (sdp("127.0.0.1"), 488),
        "loopback IPv6": (sdp("::1"), 488),
        "mapped loopback": (sdp("::ffff:127.0.0.1"), 488),
        "multicast": (sdp("224.2.2.2"), 488),
        "multicast IPv6": (sdp("ff02::1"), 488),
        "broadcast": (sdp("255.255.255.255"), 488),
        "link local": (sdp("169.254.1.1"), 488),
        "mapped own address": (sdp("::ffff:" + V4["media_a"], 20002), 488),
        "host name": (sdp("x").replace("c=IN IP4 x", "c=IN IP4 host.example.com"), 488),
        "port 0": (sdp(V4["phone"], 0), 488),
        "port 70000": (sdp(V4["phone"], 70000), 488),
        "no media": (sdp(V4["phone"], lines=""), 488),
        "noise": ("\0\1\2\3" * 100, 488),
        "held": (sdp("0.0.0.0"), "routed"),
    }
    for name, (text, wanted) in cases.items():
        call = Call(world)
        is_routed = call.invite(body=text)
        got = "routed" if is_routed else 0
        if is_routed:
            call.answer(486)
            call.carrier.wait("ACK ", 1)
        else:
            got = status(call.hear("SIP/2.0 [3-6]", 0.5))
        leaked = is_routed and any(ip in body(call.incoming) for ip in (V4["media_a"], V4["phone"]))
        world.report("hostile sdp/offer with " + name, got == wanted and not leaked,
                     "expected %s, got %s\n%s" % (wanted, got, call.incoming))
        call.phone.drain(0.01)
    for name, (text, wanted) in cases.items():
        call = Call(world)
        call.invite()
        call.to_b(response(call.incoming, 200, call.carrier, body=text))
        final = call.hear("SIP/2.0 [2-6]", 1)
        texts = call.carrier.drain(0.05)
        for bye in [t for t in texts if t.startswith("BYE ")]:
            call.to_b(response(bye, 200, call.carrier))
        if status(final) == 200:
            call.answered = final
            call.ack()
            call.bye()
        expected = (200,) if wanted == "routed" else (488,)
        if name in ("port 0", "no media"):
            expected = (200, 488)
        world.report("hostile sdp/answer with " + name, status(final) in expected,
                     "expected %s, got %s" % (expected, final))
        call.phone.drain(0.01)
        call.carrier.drain(0.01)
    second_line(world)
    world.settle("hostile sdp", 45)


def second_line(world):
    """One good stream goes on, the one that names our own address is refused by port 0."""
    lines = "m=audio 40000 RTP/AVP 8\r\nm=video 20000 RTP/AVP 96\r\nc=IN IP4 %s\r\n" % V4["media_b"]
    call = Call(world)
    is_routed = call.invite(body=sdp(V4["phone"], lines=lines))
    ports = re.findall(r"^m=\w+ (\d+) ", body(call.incoming or ""), re.M)
    world.report("hostile sdp/one stream of two", is_routed and len(ports) == 2 and
                 ports[0] != "0" and ports[1] == "0", call.incoming)
    call.answer(486)


def part(content_type, text, *fields):
    lines = ("--x", "Content-Type: " + content_type) + fields + ("", text, "")
    return "\r\n".join(lines)


def hostile_bodies(world, options):
    """Bodies of several parts: deep, endless, without the part that matters, with one too many."""
    offer = part("application/sdp", sdp(V4["phone"]))
    mixed = "multipart/mixed;boundary=x"
    nested = "".join("--%d\r\nContent-Type: multipart/mixed;boundary=%d\r\n\r\n" % (i, i + 1)
                     for i in range(1, 400))
    optional = "Content-Disposition: signal;handling=optional"
    cases = {
        "one part": (mixed, offer + "--x--\r\n", "routed"),
        "an optional part": (mixed, part("application/isup", "SECRET", optional) + offer + "--x--",
                             "routed"),
        "a part that must be read": (mixed, part("application/isup", "SECRET") + offer + "--x--", 415),
        "two descriptions": (mixed, offer + offer + "--x--", 415),
        "no end": (mixed, offer, 400),
        "no boundary": ("multipart/mixed", offer + "--x--", 400),
        "an endless boundary": ("multipart/mixed;boundary=" + "x" * 200, "--" + "x" * 200, 400),
        "nothing inside": (mixed, "--x--\r\n", 400),
        "a broken part": (mixed, "--x\r\n\0\r\n\r\n--x--\r\n", 400),
        "400 levels": ("multipart/mixed;boundary=1", nested, 400),
        "100 parts": (mixed, part("text/plain", "", optional) * 100 + offer + "--x--", 415),
        "a coded part": (mixed, part("application/sdp", "x", "Content-Encoding: gzip") + "--x--",
                         415),
        "alternatives": ("multipart/alternative;boundary=x",
                         part("text/plain", "SECRET") + offer + "--x--", "routed"),
    }
    for name, (content_type, text, wanted) in cases.items():
        call = Call(world)
        is_routed = call.invite(body=text, type=content_type)
        got = "routed" if is_routed else 0
        if is_routed:
            call.answer(486)
            call.carrier.wait("ACK ", 1)
        else:
            got = status(call.hear("SIP/2.0 [3-6]", 0.5))
        is_clean = not is_routed or (header(call.incoming, "Content-Type") == "application/sdp" and
                                     "SECRET" not in call.incoming)
        world.report("hostile bodies/" + name, got == wanted and is_clean,
                     "expected %s, got %s\n%s" % (wanted, got, call.incoming))
        call.phone.drain(0.01)
    world.settle("hostile bodies", 45)


def loops(world, options):
    """Our own INVITE comes back to us: by the side it left by, and by the side it came from."""
    call = Call(world)
    call.invite()
    call.to_b(call.incoming)
    answer = call.carrier.wait("SIP/2.0 ", 1)
    world.report("loops/back where it left", status(answer) in (482, 404), answer)
    call.answer(486)
    call = Call(world)
    call.invite()
    call.to_a(call.incoming)
    answer = call.phone.wait("SIP/2.0 482", 1, header(call.incoming, "Call-ID"))
    world.report("loops/back by the caller's side", answer is not None)
    call.answer(486)
    cases = {
        "Max-Forwards 0": (request("INVITE", call.uri, call.phone, "l1" + call.name, hops=0), 483),
        "Require": (request("INVITE", call.uri, call.phone, "l2" + call.name,
                            extra=["Require: foo"]), 420),
        "unknown method": (request("DANCE", call.uri, call.phone, "l3" + call.name), 405),
        "UPDATE outside": (request("UPDATE", call.uri, call.phone, "l4" + call.name), 481),
        "BYE outside": (request("BYE", call.uri, call.phone, "l5" + call.name), 481),
        "foreign tag": (request("BYE", call.uri, call.phone, "l6" + call.name, to_tag="a" * 24), 481),
        "CANCEL of nothing": (request("CANCEL", call.uri, call.phone, "l7" + call.name), 481),
        "OPTIONS": (request("OPTIONS", call.uri, call.phone, "l8" + call.name), 200),
        "sips": (request("INVITE", "sips:1@x", call.phone, "l9" + call.name), 416),
    }
    for name, (text, wanted) in cases.items():
        call.phone.drain(0.02)
        call.to_a(text)
        answer = call.phone.wait("SIP/2.0 [2-6]", 1, header(text, "Call-ID"))
        world.report("refusals/" + name, status(answer) == wanted, answer)
        if status(answer) == 420:
            world.report("refusals/420 names it", header(answer, "Unsupported") == "foo", answer)
    world.settle("loops", 45)


def intruders(world, options):
    """Strangers and the other side's owner try to touch a living call, knowing all its names."""
    call = Call(world)
    if not call.connect():
        world.report("intruders/a call", False)
        return
    stranger = End(V4["stranger"], STRANGER_PORT)
    foreign = [call.inside("BYE").replace("tag=" + call.tag(), "tag=" + call.tag()[::-1]),
               call.inside("BYE", from_tag="guess"), call.inside_b("BYE", 9, from_tag="guess"),
               call.inside("INVITE", from_tag="guess", body=sdp(V4["stranger"]))]
    for text in foreign:
        stranger.send(text, V4["border_a"])
        stranger.send(text, V4["border_b"])
    for code in (180, 200, 404, 481):
        forged = response(call.incoming, code, stranger, body=sdp(V4["stranger"]))
        stranger.send(forged, V4["border_b"])
        stranger.send(forged.replace("z9hG4bK", "z9hG4bKx"), V4["border_b"])
    late = call.inside("ACK", body=sdp(V4["stranger"]))
    stranger.send(late, V4["border_a"])
    stranger.drain(0.1)
    world.report("intruders/the call stands", world.muga("show", "calls")["total"] == 1)
    call.carrier.drain(0.02)
    call.phone.drain(0.02)
    world.report("intruders/it ends in order", call.bye())
    stranger.close()
    world.settle("intruders")


phases = {"never acked": never_acked, "silent callee": silent_callee, "full": full,
          "trunk limit": trunk_limit, "cancel races": cancel_races, "crossing": crossing_byes,
          "glare": glare, "repeated 200": repeated_200, "forks": forks, "sdp": hostile_sdp,
          "bodies": hostile_bodies, "loops": loops, "intruders": intruders}
