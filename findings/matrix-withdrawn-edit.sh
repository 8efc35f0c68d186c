#!/usr/bin/env bash
# matrix-synapse 1.163.2 (PyPI), the Matrix client-server API v3, on a homeserver of our own on this machine.
#
# Expected: a message that its author edited and then deleted is gone: deleting it (a redaction) takes its text from the server.
# Seen: the redaction empties the first event alone. The edit is an event of its own (`m.replace`); it stays in the room's history with the new
# text, readable by everybody in the room through /messages and /event, and through /sync for who comes back later.
# For us: what is withdrawn here is redacted there event by event, the edits too, and each event's name is kept for that.
set -euo pipefail
folder=$(mktemp -d)
pid=
trap 'if [ -n "$pid" ]; then kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; fi; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check matrix-synapse==1.163.2
port=$(python/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >homeserver.yaml <<YAML
server_name: finding.test
report_stats: false
trusted_key_servers: []
pid_file: $folder/pid
media_store_path: $folder/media
signing_key_path: $folder/signing.key
listeners: [{bind_addresses: ["127.0.0.1"], port: $port, type: http, tls: false, resources: [{names: [client], compress: false}]}]
database: {name: sqlite3, args: {database: $folder/homeserver.db}}
macaroon_secret_key: finding
form_secret: finding
registration_shared_secret: finding
enable_registration: true
enable_registration_without_verification: true
YAML
python/bin/python -m synapse.app.homeserver --config-path homeserver.yaml --generate-keys >log 2>&1
python/bin/python -m synapse.app.homeserver --config-path homeserver.yaml >>log 2>&1 &
pid=$!
cat >ask.py <<'PYTHON'
import json, sys, time, urllib.error, urllib.parse, urllib.request
base = f"http://127.0.0.1:{sys.argv[1]}/_matrix/client/"
def ask(method, path, body=None, token=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(urllib.request.Request(base + path, data, headers, method=method)) as answer:
        return json.load(answer)
for _ in range(600):
    try: ask("GET", "versions"); break
    except (urllib.error.URLError, ConnectionError): time.sleep(0.1)
def user(name):
    return ask("POST", "v3/register", {"username": name, "password": "of no use", "auth": {"type": "m.login.dummy"}})["access_token"]
alice, bob = user("alice"), user("bob")
room = ask("POST", "v3/createRoom", {"preset": "private_chat", "invite": ["@bob:finding.test"]}, alice)["room_id"]
path = f"v3/rooms/{urllib.parse.quote(room)}"
ask("POST", f"{path}/join", {}, bob)
def says(key, content): return ask("PUT", f"{path}/send/m.room.message/{key}", {"msgtype": "m.text", **content}, alice)["event_id"]
first = says("1", {"body": "first words"})
edit = says("2", {"body": "* second words", "m.new_content": {"msgtype": "m.text", "body": "second words"},
                  "m.relates_to": {"rel_type": "m.replace", "event_id": first}})
ask("PUT", f"{path}/redact/{urllib.parse.quote(first)}/3", {}, alice)
for name, event in [("first", first), ("edit", edit)]:
    print(name, ask("GET", f"{path}/event/{urllib.parse.quote(event)}", token=bob)["content"].get("body"))
history = ask("GET", f"{path}/messages?dir=b&limit=10", token=bob)["chunk"]
print("history", [event["content"].get("body") for event in history if event["type"] == "m.room.message"])
PYTHON
python/bin/python ask.py "$port" | tee seen
diff - seen <<'SEEN'
first None
edit * second words
history ['* second words', None]
SEEN
