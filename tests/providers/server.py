"""A server that speaks what OpenAI and Anthropic speak, and misbehaves on demand: run as a process of its own.

It listens on a free port of 127.0.0.1 and prints the port. The first part of a path says how it behaves, the second is
a key of the test's choice: ``POST /slow/7/v1/chat/completions``. ``GET /seen/7/1`` waits for the end of one connection
of that key, and tells what came, how many events were sent, and whether the client left first. Sockets are written by
hand, since the tests are about what HTTP libraries of servers do not let one do.
"""

from __future__ import annotations

import itertools
import json
import select
import socket
import socketserver
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final

TEXT: Final = ["Hel", "lo ", "wörld ", "☃", "!"]

#: Longer than any test takes: a client that leaves is seen at once, one that does not is never waited for.
NEVER: Final = 30.0

Event = bytes
Step = bytes | float | str


def _data(event: dict[str, Any], name: str | None = None) -> Event:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()


# --- OpenAI ------------------------------------------------------------------------------------------------


def openai(delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> Event:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "test-model-1"}
    return _data({**head, "choices": choices, **more})


OPENAI_USAGE: Final = {
    "prompt_tokens": 8,
    "completion_tokens": 40,
    "total_tokens": 48,
    "prompt_tokens_details": {"cached_tokens": 6},
    "completion_tokens_details": {"reasoning_tokens": 32},
}
DONE: Final = b"data: [DONE]\n\n"


def openai_call(index: int, call_id: str | None, name: str | None, text: str) -> dict[str, Any]:
    function = {"name": name, "arguments": text} if name else {"arguments": text}
    return {"index": index, "id": call_id, "type": "function", "function": function}


def openai_answer(pieces: list[str]) -> list[Event]:
    return [
        openai({"role": "assistant", "content": ""}),
        *(openai({"content": piece}) for piece in pieces),
        openai({}, "stop"),
        openai(None, usage=OPENAI_USAGE),
        DONE,
    ]


def openai_calls(finish: str = "tool_calls") -> list[Event]:
    deltas = [
        openai_call(0, "call_1", "forecast", ""),
        openai_call(0, None, None, '{"city": "Pa'),
        openai_call(0, None, None, 'ris"}'),
        openai_call(1, "call_2", "now", ""),
    ]
    answer = openai_answer([])
    calls = [openai({"tool_calls": [delta]}) for delta in deltas]
    return [answer[0], *calls, openai({}, finish), *answer[2:]]


def openai_thinking() -> list[Event]:
    thoughts = [openai({"reasoning_content": piece}) for piece in ("Let me ", "think.")]
    first, *answer = openai_answer(["Yes."])
    return [first, *thoughts, *answer]


OPENAI_ERROR: Final = _data({"error": {"message": "The engine is on fire", "type": "server_error", "code": None}})


# --- Anthropic ---------------------------------------------------------------------------------------------


def anthropic(kind: str, **fields: Any) -> Event:
    return _data({"type": kind, **fields}, kind)


def anthropic_start(cached: int = 0) -> Event:
    usage = {"input_tokens": 8, "output_tokens": 1, "cache_creation_input_tokens": 0, "cache_read_input_tokens": cached}
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "test-model-1",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    return anthropic("message_start", message=message)


def anthropic_block(index: int, block: dict[str, Any], deltas: list[dict[str, Any]]) -> list[Event]:
    return [
        anthropic("content_block_start", index=index, content_block=block),
        *(anthropic("content_block_delta", index=index, delta=delta) for delta in deltas),
        anthropic("content_block_stop", index=index),
    ]


def anthropic_end(reason: str = "end_turn") -> list[Event]:
    delta = {"stop_reason": reason, "stop_sequence": None}
    return [anthropic("message_delta", delta=delta, usage={"output_tokens": 40}), anthropic("message_stop")]


def anthropic_text(index: int, pieces: list[str]) -> list[Event]:
    return anthropic_block(
        index, {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces]
    )


def anthropic_answer(pieces: list[str]) -> list[Event]:
    return [anthropic_start(), *anthropic_text(0, pieces), *anthropic_end()]


def anthropic_calls(finish: str = "tool_use") -> list[Event]:
    def call(index: int, call_id: str, name: str, texts: list[str]) -> list[Event]:
        block = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": text} for text in texts]
        return anthropic_block(index, block, deltas)

    return [
        anthropic_start(),
        *call(0, "call_1", "forecast", ["", '{"city": "Pa', 'ris"}']),
        *call(1, "call_2", "now", [""]),
        *anthropic_end(finish),
    ]


def anthropic_thinking() -> list[Event]:
    deltas = [
        {"type": "thinking_delta", "thinking": "Let me "},
        {"type": "thinking_delta", "thinking": "think."},
        {"type": "signature_delta", "signature": "c2VhbA=="},
    ]
    block = {"type": "thinking", "thinking": "", "signature": ""}
    return [
        anthropic_start(),
        *anthropic_block(0, block, deltas),
        *anthropic_text(1, ["Yes."]),
        *anthropic_end(),
    ]


def anthropic_redacted() -> list[Event]:
    """Thinking that is not shown, then thinking that is, as Anthropic mixes them."""
    shown, sealed = anthropic_thinking()[1:6], {"type": "redacted_thinking", "data": "b3BhcXVl"}
    return [
        anthropic_start(),
        *anthropic_block(0, sealed, []),
        *(event.replace(b'"index": 0', b'"index": 1') for event in shown),
        *anthropic_text(2, ["Yes", "."]),
        *anthropic_end(),
    ]


ANTHROPIC_ERROR: Final = anthropic("error", error={"type": "overloaded_error", "message": "The engine is on fire"})


# --- how it behaves ----------------------------------------------------------------------------------------


def answer(of_openai: bool, pieces: list[str] = TEXT) -> list[Event]:
    return openai_answer(pieces) if of_openai else anthropic_answer(pieces)


def begun(of_openai: bool) -> list[Event]:
    """The events of an answer as far as its second piece of text."""
    return answer(of_openai)[: 3 if of_openai else 4]


def normal(of_openai: bool) -> Iterator[Step]:
    yield from answer(of_openai)


def split(of_openai: bool) -> Iterator[Step]:
    """Every byte of its own, so that characters, lines and events are cut everywhere."""
    for event in answer(of_openai):
        for position in range(len(event)):
            yield event[position : position + 1]


def joined(of_openai: bool) -> Iterator[Step]:
    """All in one."""
    yield b"".join(answer(of_openai))


def alive(of_openai: bool) -> Iterator[Step]:
    """With what says no more than that the connection is."""
    for event in answer(of_openai):
        yield b": keep-alive\n\n"
        yield event if of_openai else anthropic("ping") + event


def error(of_openai: bool) -> Iterator[Step]:
    yield from begun(of_openai)
    yield OPENAI_ERROR if of_openai else ANTHROPIC_ERROR


def cut(of_openai: bool) -> Iterator[Step]:
    """The connection ends inside a chunk."""
    yield from begun(of_openai)
    yield "cut"


def reset(of_openai: bool) -> Iterator[Step]:
    """The connection is reset."""
    yield from begun(of_openai)
    yield "reset"


def short(of_openai: bool) -> Iterator[Step]:
    """The response ends as HTTP has it, before it is complete."""
    yield from begun(of_openai)


def malformed(of_openai: bool) -> Iterator[Step]:
    yield from begun(of_openai)
    yield b'event: content_block_delta\ndata: {"id": "chatc\n\n'


def nonsense(of_openai: bool) -> Iterator[Step]:
    """JSON, but none of the protocol."""
    yield from begun(of_openai)
    if of_openai:
        yield openai({"content": {"not": "a text"}})
    else:
        yield anthropic("content_block_delta", index=0, delta={"type": "text_delta", "text": {"not": "a text"}})


def binary(of_openai: bool) -> Iterator[Step]:
    """Bytes that are no UTF-8."""
    yield from begun(of_openai)
    yield b"event: content_block_delta\ndata: \xff\xfe\n\n"


def stall(of_openai: bool) -> Iterator[Step]:
    yield from begun(of_openai)
    yield NEVER


def silent(of_openai: bool) -> Iterator[Step]:
    """Nothing comes, not even a status."""
    yield "no head"
    yield NEVER


def paced(of_openai: bool) -> Iterator[Step]:
    """Every event has to be waited for."""
    for event in answer(of_openai):
        yield 0.02
        yield event


def drip(of_openai: bool) -> Iterator[Step]:
    """There is a sign of life again and again, but no more of the answer."""
    yield from begun(of_openai)
    for _ in range(int(NEVER / 0.02)):
        yield 0.02
        yield b": keep-alive\n\n"


def slow(of_openai: bool) -> Iterator[Step]:
    """The first events come at once, then one in a time that no client waits for."""
    yield from begun(of_openai)
    for event in answer(of_openai)[len(begun(of_openai)) :]:
        yield NEVER
        yield event


def fast(of_openai: bool) -> Iterator[Step]:
    """More than the buffers of two sockets hold, so that a server that is not read has to wait."""
    *first, piece = begun(of_openai)
    yield from first
    yield from itertools.repeat(piece, 500_000)


def calls(of_openai: bool) -> Iterator[Step]:
    yield from openai_calls() if of_openai else anthropic_calls()


def long_calls(of_openai: bool) -> Iterator[Step]:
    """The answer is as long as it may be before the last call is complete."""
    yield from openai_calls("length") if of_openai else anthropic_calls("max_tokens")


def thinking(of_openai: bool) -> Iterator[Step]:
    yield from openai_thinking() if of_openai else anthropic_thinking()


def redacted(of_openai: bool) -> Iterator[Step]:
    yield from anthropic_redacted()


def cached(of_openai: bool) -> Iterator[Step]:
    """Part of the prompt comes from the cache; OpenAI's usage comes in every event, as some servers have it."""
    if of_openai:
        yield from (openai({"content": "x"}, usage={**OPENAI_USAGE, "completion_tokens": n}) for n in range(3))
        yield from answer(True)[-3:]
    else:
        yield from [anthropic_start(cached=6), *anthropic_answer(TEXT)[1:]]


def json_answer(of_openai: bool) -> Iterator[Step]:
    yield from answer(of_openai, ['{"city": "Pa', 'ris", "days": 3}'])


def zeros(of_openai: bool) -> Iterator[Step]:
    """All calls are number 0, and the first has no arguments; the second has no id either."""
    yield openai({"role": "assistant", "content": None, "tool_calls": [openai_call(0, "call_1", "now", "")]})
    yield openai({"tool_calls": [openai_call(0, "call_2", "forecast", '{"city": "Paris"}')]})
    yield openai({}, "tool_calls")


def wordy(of_openai: bool) -> Iterator[Step]:
    """The event that tells of an error has more words than anybody reads."""
    yield from begun(of_openai)
    told = OPENAI_ERROR if of_openai else ANTHROPIC_ERROR
    yield told.replace(b"The engine is on fire", b"fire!" * 1_000_000)


BEHAVIOURS: Final[dict[str, Callable[[bool], Iterator[Step]]]] = {
    one.__name__: one
    for group in (
        (normal, split, joined, alive, error, cut, reset, short, malformed, nonsense, binary, stall, silent),
        (paced, drip, slow, fast, calls, long_calls, thinking, redacted, cached, json_answer, zeros, wordy),
    )
    for one in group
}

REFUSALS: Final = {
    "400": ({}, "invalid_request_error", "messages: at least one is required"),
    "401": ({}, "authentication_error", "Incorrect API key provided: {key}."),
    "200": ({}, "message", "all of it at once"),
    "404": ({}, "not_found_error", "there is no such model"),
    "429": ({"retry-after": "7"}, "rate_limit_error", "slow down"),
    "500": ({}, "api_error", "The engine is on fire"),
    "529": ({}, "overloaded_error", "too busy"),
}


PIECE: Final = b"not!" * (1 << 14)

#: Refusals that are far longer than anybody reads: what they begin with, and how they are encoded.
FLOODS: Final = {
    "text-flood": (b"", "identity"),
    "json-flood": (b'{"type": "error", "error": {"type": "odd", "message": "', "identity"),
    "gzip-flood": (b"", "gzip"),
}
FLOOD: Final = 1024  # pieces, 64 MiB


# --- the server --------------------------------------------------------------------------------------------


class Seen:
    """What was seen of every connection, by the key of its test."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._records: dict[str, list[dict[str, Any]]] = {}

    def add(self, key: str, record: dict[str, Any]) -> None:
        with self._changed:
            self._records.setdefault(key, []).append(record)
            self._changed.notify_all()

    def wait(self, key: str, count: int) -> list[dict[str, Any]]:
        with self._changed:
            self._changed.wait_for(lambda: len(self._records.get(key, ())) >= count, timeout=10)
            return self._records.get(key, [])


SEEN: Final = Seen()


class Once:
    """What has been seen once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: set[str] = set()

    def add(self, key: str) -> bool:
        """Tell whether a key is new."""
        with self._lock:
            is_new = key not in self._keys
            self._keys.add(key)
        return is_new


#: The tests whose first request was refused, because the server was busy.
BUSY: Final = Once()


class Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self) -> None:
        method, path, _ = self.rfile.readline().decode().split()
        headers = {}
        while line := self.rfile.readline().strip():
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        _, behaviour, key, *rest = path.split("/")
        if method == "GET":
            self.respond(200, {}, SEEN.wait(key, int(rest[0])))
            return
        body = json.loads(self.rfile.read(int(headers["content-length"])))
        record = {
            "behaviour": behaviour,
            "path": "/".join(rest),
            "body": body,
            "headers": headers,
            "sent": 0,
            "left": False,
        }
        try:
            if behaviour.removesuffix("-echo") in REFUSALS:
                self.refuse(behaviour, headers)
            elif behaviour in FLOODS:
                self.flood(*FLOODS[behaviour], record)
            elif behaviour == "busy" and BUSY.add(key):
                self.refuse("429", headers, {"retry-after-ms": "20"})
            else:
                self.stream(BEHAVIOURS.get(behaviour, normal)(rest[-1] == "completions"), record)
        except (BrokenPipeError, ConnectionResetError):
            record["left"] = True
        record["at"] = time.time()
        SEEN.add(key, record)

    def respond(self, status: int, headers: dict[str, str], body: object, echo: str = "") -> None:
        data = json.dumps(body).encode()
        shown = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.wfile.write(
            f"HTTP/1.1 {status} Said\r\ncontent-type: application/json{echo}\r\ncontent-length: {len(data)}\r\n"
            f"connection: close\r\n{shown}\r\n".encode()
            + data
        )

    def refuse(self, behaviour: str, headers: dict[str, str], instead: dict[str, str] | None = None) -> None:
        status = behaviour.removesuffix("-echo")
        more, kind, message = REFUSALS[status]
        key = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
        key += headers.get("x-secret", "")
        error = {"type": kind, "message": message.format(key=key), "code": kind}
        echo = "" if status == behaviour else key
        self.respond(
            int(status),
            {**(instead or more), "x-request-id": f"req_1{echo}", "request-id": f"req_1{echo}"},
            {"type": "error", "error": error},
            echo and f"; from={echo}",
        )

    def flood(self, start: bytes, encoding: str, record: dict[str, Any]) -> None:
        coder = zlib.compressobj(wbits=zlib.MAX_WBITS | 16) if encoding == "gzip" else None
        self.wfile.write(
            b"HTTP/1.1 401 Said\r\ncontent-type: text/plain\r\nconnection: close\r\n"
            b"content-encoding: %s\r\nx-request-id: req_1\r\nrequest-id: req_1\r\n\r\n%s" % (encoding.encode(), start)
        )
        for _ in range(FLOOD):
            self.wfile.write(coder.compress(PIECE) if coder else PIECE)
            record["sent"] += 1
        self.wfile.write(coder.flush() if coder else b"")

    def stream(self, steps: Iterator[Step], record: dict[str, Any]) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
        echo = record["headers"].get("x-secret", "").encode() if record["behaviour"] == "echo" else b""
        head += b"x-request-id: req_1%s\r\nrequest-id: req_1%s\r\n\r\n" % (echo, echo)
        for step in steps:
            if step == "no head":
                head = b""
                continue
            self.wfile.write(head)
            head = b""
            if isinstance(step, bytes):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(step), step))
                record["sent"] += 1
            elif step == "cut":
                self.wfile.write(b"ff\r\ndata: {")
                return
            elif step == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                return
            else:
                assert isinstance(step, float)
                if self.has_left(step):
                    record["left"] = True
                    return
        self.wfile.write(b"0\r\n\r\n")
        record["left"] = not self.has_left(NEVER)  # a client that closes when all is done has not left

    def has_left(self, seconds: float) -> bool:
        """Wait, and tell whether the client has closed the connection meanwhile."""
        readable, _, _ = select.select([self.connection], [], [], seconds)
        return bool(readable) and not self.connection.recv(1)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64


def stop_at_the_end_of_input(server: Server) -> None:
    sys.stdin.read()
    server.shutdown()


def main() -> None:
    with Server(("127.0.0.1", 0), Handler) as server:
        print(server.server_address[1], flush=True)
        # Whoever started this closes its end of standard input, also when it is killed.
        threading.Thread(target=stop_at_the_end_of_input, args=[server], daemon=True).start()
        server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
