#!/usr/bin/env bash
# python-bitcoinlib 0.12.2, bech32 1.2.0 (PyPI): the addresses that most new Bitcoin wallets show (BIP 350, `bc1p…`).
#
# Expected: read. They have been in use since November 2021, and both packages are the newest of their names.
# Seen: both stop at BIP 173: `bc1q…` is read, `bc1p…` is no address to them. bech32 does not say why, it gives nothing.
# For us: a list of addresses that went through such a tool lacks the taproot ones, and an empty place in it is no proof of anything.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check python-bitcoinlib==0.12.2 bech32==1.2.0
cat >read.py <<'PY'
from bech32 import decode
from bitcoin.wallet import CBitcoinAddress
# The first address of BIP 173 and the one of BIP 350 for version 1, from their lists of valid ones.
for text in ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"):
    try:
        bitcoinlib = CBitcoinAddress(text).to_scriptPubKey().hex()[:4]
    except Exception as error:
        bitcoinlib = type(error).__name__
    print(text[:4], "python-bitcoinlib", bitcoinlib, "bech32", decode("bc", text)[0])
PY
seen=$(python/bin/python read.py)
echo "$seen"
diff <(echo "$seen") - <<'SEEN'
bc1q python-bitcoinlib 0014 bech32 0
bc1p python-bitcoinlib CBitcoinAddressError bech32 None
SEEN
