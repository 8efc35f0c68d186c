#!/usr/bin/env bash
# eth-account 0.14.0 with eth-keyfile 0.10.0 (PyPI), ethers 6.17.0, web3-eth-accounts 4.3.1 and @chainsafe/bls-keystore 3.1.0 (npm):
# one password, typed the same way, for a keystore file.
#
# Expected: a keystore of version 3 (an account's key) opens in every tool with the password it was closed with. One of version 4
# (EIP-2335, a validator's key) has its password normalized (NFKD, control characters out) by whoever writes and whoever reads it.
# Seen: for version 3 ethers normalizes the password (NFKC) and the others take the bytes as they are typed, so a file that eth-account
# wrote with a letter and a separate accent, a ligature, a narrow katakana or a raised digit is "incorrect password" in ethers,
# while web3-eth-accounts opens it. For version 4 eth-keyfile normalizes when it writes and not when it reads: with an accent in one
# character it does not open the file that it has just written, nor one of bls-keystore; typed in the normalized form it opens both.
# For us: where a key must be opened in need, the procedure says which tool wrote the file, and asks for passwords of plain ASCII.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip install --quiet eth-account==0.14.0 eth-keyfile==0.10.0
npm install --silent --no-audit --no-fund ethers@6.17.0 web3-eth-accounts@4.3.1 @chainsafe/bls-keystore@3.1.0

cat >write.py <<'PYTHON'
import json
from eth_account import Account
import eth_keyfile
PASSWORDS = {"ascii": "fire door 3", "one-character": "caf\u00e9", "two-characters": "cafe\u0301", "ligature": "\ufb01re", "narrow": "\uff76\uff9e", "raised": "m\u00b2"}
key = bytes([0x11] * 32)
json.dump({name: {"password": password,
                  "three": Account.encrypt(key, password, kdf="pbkdf2", iterations=1000),
                  "four": eth_keyfile.create_keyfile_json(key, password.encode(), version=4, kdf="pbkdf2", iterations=1000)}
           for name, password in PASSWORDS.items()}, open("files.json", "w"))
PYTHON
cat >open.mjs <<'JS'
import { readFileSync, writeFileSync } from 'node:fs'
import { decryptKeystoreJson } from 'ethers'
import { decrypt } from 'web3-eth-accounts'
import { create, decrypt as openFour } from '@chainsafe/bls-keystore'
const files = JSON.parse(readFileSync('files.json'))
const says = async (tried) => { try { await tried(); return 'opens' } catch { return 'refuses' } }
for (const [name, file] of Object.entries(files)) {
  const ethers = await says(() => decryptKeystoreJson(JSON.stringify(file.three), file.password))
  const web3 = await says(() => decrypt(file.three, file.password))
  const bls = await says(() => openFour(file.four, file.password))
  file.bls = await create(file.password, new Uint8Array(32).fill(0x11), new Uint8Array(48).fill(1), 'm/12381/3600/0/0/0', '')
  console.log(`${name}: of eth-account: ethers ${ethers}, web3 ${web3}; of eth-keyfile, version 4: bls-keystore ${bls}`)
}
writeFileSync('files.json', JSON.stringify(files))
JS
cat >read.py <<'PYTHON'
import json
import eth_keyfile
def says(file, password):
    try:
        eth_keyfile.decode_keyfile_json(file, password.encode())
        return "opens"
    except ValueError:
        return "refuses"
for name, file in json.load(open("files.json")).items():
    print(f"{name}: eth-keyfile, version 4: its own {says(file['four'], file['password'])}, of bls-keystore {says(file['bls'], file['password'])}")
PYTHON
python/bin/python write.py
{ node open.mjs; python/bin/python read.py; } | tee seen
diff seen - <<'SEEN'
ascii: of eth-account: ethers opens, web3 opens; of eth-keyfile, version 4: bls-keystore opens
one-character: of eth-account: ethers opens, web3 opens; of eth-keyfile, version 4: bls-keystore opens
two-characters: of eth-account: ethers refuses, web3 opens; of eth-keyfile, version 4: bls-keystore opens
ligature: of eth-account: ethers refuses, web3 opens; of eth-keyfile, version 4: bls-keystore opens
narrow: of eth-account: ethers refuses, web3 opens; of eth-keyfile, version 4: bls-keystore opens
raised: of eth-account: ethers refuses, web3 opens; of eth-keyfile, version 4: bls-keystore opens
ascii: eth-keyfile, version 4: its own opens, of bls-keystore opens
one-character: eth-keyfile, version 4: its own refuses, of bls-keystore refuses
two-characters: eth-keyfile, version 4: its own opens, of bls-keystore opens
ligature: eth-keyfile, version 4: its own refuses, of bls-keystore refuses
narrow: eth-keyfile, version 4: its own refuses, of bls-keystore refuses
raised: eth-keyfile, version 4: its own refuses, of bls-keystore refuses
SEEN
