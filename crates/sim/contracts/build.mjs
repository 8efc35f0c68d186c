// Compiles every contract of this folder into artefacts/NAME.json. Reproducible: the compiler's version is pinned, the
// optimizer's settings are fixed and no metadata hash is appended to the code. Recipe and reasons: README.md.
//
//   node build.mjs [folder that holds node_modules/solc]     writes artefacts/
//   node build.mjs --check [folder]                          fails if an artefact would change

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const SOLC = "0.8.37";
const EVM = "cancun";

const here = dirname(fileURLToPath(import.meta.url));
const words = process.argv.slice(2);
const check = words.includes("--check");
const modules = resolve(words.find((word) => !word.startsWith("--")) ?? here);
const solc = createRequire(join(modules, "package.json"))("solc");

const version = solc.version();
if (!version.startsWith(`${SOLC}+`)) {
  console.error(`solc is ${version}: want ${SOLC} (npm install solc@${SOLC})`);
  process.exit(2);
}

const files = readdirSync(here).filter((name) => name.endsWith(".sol")).sort();
const text = Object.fromEntries(files.map((name) => [name, readFileSync(join(here, name), "utf8")]));
const output = JSON.parse(solc.compile(JSON.stringify({
  language: "Solidity",
  sources: Object.fromEntries(files.map((name) => [name, { content: text[name] }])),
  settings: {
    evmVersion: EVM,
    optimizer: { enabled: true, runs: 200 },
    metadata: { bytecodeHash: "none", appendCBOR: false },
    outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "metadata"] } },
  },
})));
const problems = output.errors ?? [];
for (const problem of problems) console.error(problem.formattedMessage);
if (problems.length > 0) process.exit(1);

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
let stale = 0;
mkdirSync(join(here, "artefacts"), { recursive: true });
for (const file of files) {
  const name = file.slice(0, -".sol".length);
  const built = output.contracts[file][name];
  const bytecode = built.evm.bytecode.object;
  if (bytecode === "") continue; // abstract: only others are made from it
  const sources = Object.keys(JSON.parse(built.metadata).sources).sort();
  const artefact = {
    contract: name,
    compiler: version,
    evm: EVM,
    sources: Object.fromEntries(sources.map((source) => [source, sha256(text[source])])),
    abi: built.abi.map((entry) => JSON.stringify(entry)),
    bytecode: `0x${bytecode}`,
  };
  const lines = artefact.abi.map((entry) => `    ${entry}`).join(",\n");
  const json = JSON.stringify({ ...artefact, abi: "ABI" }, null, 2).replace('"ABI"', `[\n${lines}\n  ]`) + "\n";
  const path = join(here, "artefacts", `${name}.json`);
  if (!check) {
    writeFileSync(path, json);
    console.log(`${name}: ${bytecode.length / 2} bytes of creation code`);
  } else if (readFileSync(path, "utf8") !== json) {
    console.error(`artefacts/${name}.json is stale: run node build.mjs`);
    stale += 1;
  }
}
process.exit(stale > 0 ? 1 : 0);
