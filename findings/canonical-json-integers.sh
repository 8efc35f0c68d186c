#!/usr/bin/env bash
# rfc8785 0.1.4, jcs 0.2.1 (PyPI), canonicalize 4.0.0 (npm): canonical JSON (RFC 8785) of an integer above 2^53.
#
# Expected: three implementations of one standard give the same bytes for what all of them take, or the same refusal.
# Seen: rfc8785 refuses. jcs and canonicalize round without a word, so that 9007199254740993 and 9007199254740992 have one canonical
# form: what is signed is not what was said. For a token of 18 decimals 2^53 units are less than a hundredth of a coin.
# For us: amounts that are signed or hashed are text.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check rfc8785==0.1.4 jcs==0.2.1
npm install --silent --no-audit --no-fund --ignore-scripts canonicalize@4.0.0 >/dev/null

cat >canonical.py <<'PY'
import json, jcs, rfc8785
value = json.loads('{"amount": 9007199254740993}')
try:
    print("rfc8785", rfc8785.dumps(value).decode())
except Exception as error:
    print("rfc8785", type(error).__name__)
print("jcs", jcs.canonicalize(value).decode())
PY
cat >canonical.mjs <<'JS'
import canonicalize from "canonicalize";
console.log("canonicalize", canonicalize(JSON.parse('{"amount": 9007199254740993}')));
JS
seen=$(python/bin/python canonical.py; node canonical.mjs)
echo "$seen"
diff <(echo "$seen") - <<'SEEN'
rfc8785 IntegerDomainError
jcs {"amount":9007199254740992}
canonicalize {"amount":9007199254740992}
SEEN
