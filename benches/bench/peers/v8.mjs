// V8, as Node has it: `node FLAGS v8.mjs compile|run FILE ARGS...`.
//
// V8 keeps no artefact and compiles within the process that runs, so the time of
// each part is taken here, and written to the file that BENCH_USAGE names, in
// seconds of CPU time over all threads. The flags make it compile everything with
// TurboFan before the first instruction: what is compared is its code.
import { readFileSync, writeFileSync } from "node:fs";
import { WASI } from "node:wasi";

function timed(work) {
  const before = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(before);
  writeFileSync(process.env.BENCH_USAGE, String((user + system) / 1e6));
  return result;
}

const [command, file, ...args] = process.argv.slice(2);
const bytes = readFileSync(file);
if (command === "compile") {
  timed(() => new WebAssembly.Module(bytes));
} else {
  const wasi = new WASI({ version: "preview1", args: [file, ...args], returnOnExit: true });
  const module = new WebAssembly.Module(bytes);
  const instance = new WebAssembly.Instance(module, wasi.getImportObject());
  process.exitCode = timed(() => wasi.start(instance));
}
