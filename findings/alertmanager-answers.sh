#!/usr/bin/env bash
# Alertmanager 0.25.0 (Debian's package, revision 0.25.0-1+b4): what its answers mean.
#
# Expected: an answer of 400 means that nothing was taken; sending a silence back under its id changes that silence; what cannot be
# found is 404.
# Seen: of a batch with one bad label the good alerts are taken, and the answer is 400 all the same: a client that sends the batch
# again sends them twice. A silence in force that is sent back as it was sent, with another comment, expires and is replaced by one
# of a new id, because its beginning was moved to the moment at which it was made. To end a silence twice is 200; to end one that never was, 500.
# For us: what a client of Alertmanager's API may rely on, and may not.
set -euo pipefail
program=$(command -v prometheus-alertmanager) || { echo "apt-get install prometheus-alertmanager"; exit 1; }
"$program" --version 2>&1 | head -1 | grep -F 'version 0.25.0'
folder=$(mktemp -d)
port=$((20000 + RANDOM % 20000))
printf 'route: {receiver: nobody}\nreceivers: [{name: nobody}]\n' >"$folder/config.yml"
"$program" --config.file="$folder/config.yml" --storage.path="$folder/data" --web.listen-address=127.0.0.1:$port \
  --cluster.listen-address= >"$folder/log" 2>&1 &
running=$!
trap 'kill $running; wait $running || true; rm -rf "$folder"' EXIT
at=http://127.0.0.1:$port
curl --silent --fail --retry 50 --retry-delay 1 --retry-connrefused "$at/-/ready" >/dev/null
post() { curl --silent --header 'content-type: application/json' --write-out '%{http_code}' --output "$folder/answer" "$at/api/v2/$1" --data "$2"; }
end() { curl --silent --request DELETE --output "$folder/answer" --write-out '%{http_code}' "$at/api/v2/silence/$1"; }
silence() { echo '{'"$1"'"matchers":[{"name":"a","value":"b","isRegex":false}],"startsAt":"2026-01-01T00:00:00Z","endsAt":"2126-01-01T00:00:00Z","createdBy":"x","comment":"'"$2"'"}'; }

batch=$(post alerts '[{"labels":{"alertname":"Good"}},{"labels":{"alertname":"Bad","a-b":"1"}}]')
kept=$(curl --silent "$at/api/v2/alerts" | grep -o '"alertname":"[A-Za-z]*"')
post silences "$(silence '' first)" >/dev/null
first=$(grep -o '[0-9a-f-]\{36\}' "$folder/answer")
post silences "$(silence "\"id\":\"$first\"," second)" >/dev/null
second=$(grep -o '[0-9a-f-]\{36\}' "$folder/answer")
states=$(curl --silent "$at/api/v2/silences" | grep -o '"state":"[a-z]*"' | sort | tr '\n' ' ')
seen="batch $batch, kept $kept
same id $([ "$first" = "$second" ] && echo yes || echo no), $states
ended $(end "$second") again $(end "$second") unknown $(end 6fbb0d9c-0a0a-4a9c-8f4e-000000000000)"
echo "$seen"
diff <(echo "$seen") - <<'SEEN'
batch 400, kept "alertname":"Good"
same id no, "state":"active" "state":"expired" 
ended 200 again 200 unknown 500
SEEN
