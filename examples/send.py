#!/usr/bin/env python3
"""Sends one image and waits for what the model says of it:  send.py IMAGE [STUDY].  HILUM_URL is the base URL."""
import json, os, sys, urllib.request, uuid

base = os.environ.get("HILUM_URL", "http://127.0.0.1:8080")
image = open(sys.argv[1], "rb").read()
study = sys.argv[2] if len(sys.argv) > 2 else None
line = uuid.uuid4().hex
fields = f'--{line}\r\nContent-Disposition: form-data; name="study"\r\n\r\n{study}\r\n' if study else ""
head = fields + f'--{line}\r\nContent-Disposition: form-data; name="image"; filename="image"\r\n\r\n'
body = head.encode() + image + f"\r\n--{line}--\r\n".encode()
kind = {"Content-Type": f"multipart/form-data; boundary={line}"}
job = json.load(urllib.request.urlopen(urllib.request.Request(f"{base}/v1/jobs", body, kind)))["job_id"]
while (state := json.load(urllib.request.urlopen(f"{base}/v1/jobs/{job}?wait=30s")))["status"] not in ("COMPLETED", "FAILED"):
    print(f"{job} is {state['status']}", file=sys.stderr)
if state["status"] == "FAILED":
    sys.exit(f"{job} failed: {state['reason']}")
print(json.dumps(json.load(urllib.request.urlopen(f"{base}/v1/jobs/{job}/result")), indent=2))
