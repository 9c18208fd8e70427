#!/usr/bin/env bash
# A backend with curl alone: COPRESENCE_KEY=… ./backend.sh
set -euo pipefail

base=${COPRESENCE_URL:-http://127.0.0.1:8080}
post() { curl --fail-with-body --silent --show-error --retry 5 -H "Authorization: Bearer $COPRESENCE_KEY" -H "Idempotency-Key: $1" -d "$3" "$base$2"; echo; }

# Under its key a call is done once, however often it is repeated: the order's number says which one it is.
post note-4712 /v1/rooms/dashboard:sales/events '{"event": "note", "data": {"text": "Order 4712 is paid"}}'
post told-4712 /v1/notifications '{"to": {"room": "dashboard:sales"}, "notification": {"level": "info", "title": "Order 4712 is paid"}}'
