#!/usr/bin/env bash
# eth-utils 6.0.0, ethers 6.17.0, viem 2.57.20: which spellings of an account's address are one (EIP-55).
#
# Expected: they agree; a mixed-case spelling counts only with its right checksum, one without capitals or without small letters
# counts as it is.
# Seen: `is_address` of eth-utils takes a wrong checksum for an address, a typing error in the last digit too. `isAddress` of viem
# refuses the spelling in capitals; its own `getAddress` takes that, and also takes the typing error and gives it a new checksum, so that
# nobody sees it again. ethers reads an address without `0x`, and an ICAP text (`XE73…`) of another form altogether.
# For us: one spelling is read (0x and 40 digits), the checksum is checked where there are both cases, and nothing else is guessed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check eth-utils==6.0.0 'eth-hash[pycryptodome]==0.8.0'
npm install --silent --no-audit --no-fund --ignore-scripts ethers@6.17.0 viem@2.57.20 >/dev/null

cat >spell.py <<'PY'
from eth_utils import is_address, is_checksum_address
right = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
for what, text in (("right", right), ("capitals", "0x" + right[2:].upper()), ("typo", right[:-1] + "8"), ("bare", right[2:])):
    print("eth-utils", what, is_address(text), is_checksum_address(text))
PY
cat >spell.mjs <<'JS'
import { getAddress } from "ethers";
import * as viem from "viem";
const right = "0xdAC17F958D2ee523a2206206994597C13D831ec7";
const takes = (read, text) => { try { read(text); return true; } catch { return false; } };
const spellings = { right, capitals: "0x" + right.slice(2).toUpperCase(), typo: right.slice(0, -1) + "8", bare: right.slice(2),
  icap: "XE7338O073KYGTWWZN0F2WZ0R8PX5ZPPZS" };
for (const [what, text] of Object.entries(spellings))
  console.log(what, "ethers", takes(getAddress, text), "viem", viem.isAddress(text), takes(viem.getAddress, text));
JS
seen=$(python/bin/python spell.py; node spell.mjs)
echo "$seen"
diff <(echo "$seen") - <<'SEEN'
eth-utils right True True
eth-utils capitals True False
eth-utils typo True False
eth-utils bare True False
right ethers true viem true true
capitals ethers true viem false true
typo ethers false viem false true
bare ethers true viem false false
icap ethers true viem false false
SEEN
