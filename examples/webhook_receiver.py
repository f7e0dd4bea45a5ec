#!/usr/bin/env python3
"""Takes reports and flags of a `webhook` target, checks each signature, and prints what came:  webhook_receiver.py PORT

HILUM_WEBHOOK_SECRET is the target's secret. What is not signed with it, or was signed long ago, is answered 401. The same three
of Hilum-Site, Hilum-Study and Hilum-Matter mean the same body: a delivery may come twice and is to be taken once.
"""
import hashlib, hmac, http.server, json, os, sys, time

SECRET = os.environ["HILUM_WEBHOOK_SECRET"].encode()
OLDEST_S = 300
taken = set()


def is_ours(header: str, body: bytes) -> bool:
    parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    signed = hmac.new(SECRET, parts.get("t", "").encode() + b"." + body, hashlib.sha256).hexdigest()
    is_signed = hmac.compare_digest(signed, parts.get("v1", ""))
    return is_signed and abs(time.time() - int(parts["t"])) < OLDEST_S


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not is_ours(self.headers.get("Hilum-Signature", ""), body):
            return self.answer(401)
        what = tuple(self.headers[f"Hilum-{name}"] for name in ("Site", "Study", "Matter"))
        if what not in taken:
            # Keep it here, durably, before the answer: 204 says that Hilum need not send it again.
            print(*what, json.loads(body).get("format", ""), flush=True)
            taken.add(what)
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
    print("listening on port", server.server_address[1], flush=True)
    server.serve_forever()
