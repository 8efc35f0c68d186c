#!/usr/bin/env bash
# PyYAML 6.0.4, ruamel.yaml 0.19.1, js-yaml 5.5.0, yaml (npm) 2.9.1: an account's address in YAML, without quotes.
#
# Expected: text. It is what people paste, and it is longer than any integer that a program counts with.
# Seen: an integer. `0x…` is YAML's hexadecimal integer. Python keeps all digits; both JavaScript readers round to 53 bits, so that
# the address is lost, without an error. PyYAML (YAML 1.1) also reads `12:30` as 750, sixty-fold.
# For us: addresses are read from TOML, where they must be quoted. Whoever imports YAML must refuse a number where an address is due.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check PyYAML==6.0.4 ruamel.yaml==0.19.1
npm install --silent --no-audit --no-fund --ignore-scripts js-yaml@5.5.0 yaml@2.9.1 >/dev/null
printf 'address: 0xdAC17F958D2ee523a2206206994597C13D831ec7\ntime: 12:30\n' >list.yaml

cat >read.py <<'PY'
import yaml
from ruamel.yaml import YAML
for name, read in (("PyYAML", yaml.safe_load(open("list.yaml"))), ("ruamel.yaml", YAML(typ="safe").load(open("list.yaml")))):
    print(name, type(read["address"]).__name__, read["address"], read["time"])
PY
cat >read.mjs <<'JS'
import { readFileSync } from "node:fs";
import * as jsyaml from "js-yaml";
import * as yaml from "yaml";
const text = readFileSync("list.yaml", "utf8");
for (const [name, read] of [["js-yaml", jsyaml.load(text)], ["yaml", yaml.parse(text)]])
  console.log(name, typeof read.address, read.address, read.time);
JS
seen=$(python/bin/python read.py; node read.mjs)
echo "$seen"
diff <(echo "$seen") - <<'SEEN'
PyYAML int 1248875146012964071876423320777688075155124985543 750
ruamel.yaml int 1248875146012964071876423320777688075155124985543 12:30
js-yaml number 1.2488751460129641e+48 12:30
yaml number 1.2488751460129641e+48 12:30
SEEN
