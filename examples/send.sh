#!/usr/bin/env bash
# Sends images as one study, waits for the readings and prints the report:  send.sh STUDY IMAGE…
# HILUM_URL is the base URL. An answer of 202 means that image and event are durable; what failed in between is just sent again.
set -euo pipefail
base=${HILUM_URL:-http://127.0.0.1:8080} study=$1
shift
for image; do
  curl --silent --show-error --fail-with-body --retry 8 --retry-all-errors \
    --form "study=$study" --form "image=@$image" "$base/v1/jobs" >&2
done
# No more images come: the report need not wait for the quiet time.
curl --silent --show-error --fail-with-body --request POST "$base/v1/studies/$study/close" >/dev/null
curl --silent --show-error --fail-with-body "$base/v1/studies/$study/report?format=json&wait=60s"
