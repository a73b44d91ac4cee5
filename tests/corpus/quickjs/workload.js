"use strict";

// A small deterministic generator, in 32-bit arithmetic.
let seed = 12345;
const random = n => (seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) % n;

// Classes, closures and a priority queue: shortest paths on a grid.
class Heap {
  #items = [];
  get size() { return this.#items.length; }
  push(key, value) {
    const a = this.#items;
    let i = a.push({ key, value }) - 1;
    for (let p; i > 0 && a[p = (i - 1) >> 1].key > key; i = p) [a[i], a[p]] = [a[p], a[i]];
  }
  pop() {
    const a = this.#items, top = a[0], last = a.pop();
    if (a.length) {
      a[0] = last;
      for (let i = 0, c; (c = 2 * i + 1) < a.length; i = c) {
        if (c + 1 < a.length && a[c + 1].key < a[c].key) c++;
        if (a[i].key <= a[c].key) break;
        [a[i], a[c]] = [a[c], a[i]];
      }
    }
    return top;
  }
}

function shortestPath(side) {
  const cost = Array.from({ length: side * side }, () => 1 + random(9));
  const distance = new Float64Array(side * side).fill(Infinity);
  const heap = new Heap();
  heap.push(distance[0] = 0, 0);
  while (heap.size) {
    const { key, value } = heap.pop();
    if (key > distance[value]) continue;
    const x = value % side, y = (value - x) / side;
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      const nx = x + dx, ny = y + dy;
      if (nx < 0 || ny < 0 || nx >= side || ny >= side) continue;
      const next = ny * side + nx, d = key + cost[next];
      if (d < distance[next]) heap.push(distance[next] = d, next);
    }
  }
  return distance[side * side - 1];
}
print("path", shortestPath(110));

// Generators, Map, Set, destructuring, exceptions.
function* walk(n) { while (n !== 1) { yield n; n = n % 2 ? 3 * n + 1 : n / 2; } }
const lengths = new Map(), seen = new Set();
for (let start = 1; start < 3000; start++) {
  let steps = 0;
  for (const value of walk(start)) { steps++; seen.add(value); }
  lengths.set(start, steps);
}
const [longest] = [...lengths].sort(([a, x], [b, y]) => y - x || a - b);
print("collatz", longest, seen.size);
let caught = 0;
for (let i = 0; i < 20000; i++) {
  try { if (i % 3 === 0) throw new RangeError(`number ${i}`); null.x; }
  catch (e) { caught += e instanceof RangeError ? 1 : 2; }
}
print("caught", caught);

// Strings, regular expressions, JSON.
const log = [];
for (let i = 0; i < 6000; i++)
  log.push(`${random(24)}:${random(60)} user${random(50)}@host${random(9)}.example ${["GET", "PUT"][random(2)]} /p/${random(300)}?q=${random(1e6)}`);
const pattern = /^(?<h>\d+):(\d+) (?<user>\w+)@[\w.]+ (GET|PUT) (?<path>[^?]+)\?q=(\d+)$/;
const perUser = {};
for (const line of log) {
  const { groups: { user, path } } = pattern.exec(line);
  (perUser[user] ??= []).push(path);
}
const json = JSON.stringify(perUser);
const back = JSON.parse(json, (key, value) => typeof value === "string" ? value.replace(/\d+/g, d => d * 2) : value);
print("json", json.length, Object.keys(back).sort().slice(0, 3), back.user7.length, JSON.stringify(back).length);

// Typed arrays and floating point without transcendental functions.
function mandelbrot(size) {
  let inside = 0;
  for (let py = 0; py < size; py++)
    for (let px = 0; px < size; px++) {
      const cx = px / size * 3 - 2, cy = py / size * 2 - 1;
      let x = 0, y = 0, i = 0;
      for (; i < 60 && x * x + y * y < 4; i++) [x, y] = [x * x - y * y + cx, 2 * x * y + cy];
      inside += i === 60;
    }
  return inside;
}
print("mandelbrot", mandelbrot(120));
const sieve = new Uint8Array(500000);
let primes = 0;
for (let i = 2; i < sieve.length; i++)
  if (!sieve[i]) { primes++; for (let j = i * 2; j < sieve.length; j += i) sieve[j] = 1; }
print("primes", primes);

// BigInt: the digits of e.
const scale = 10n ** 1200n;
let sum = 0n, term = scale;
for (let i = 1n; term > 0n; i++) { sum += term; term /= i; }
print("e", sum.toString().slice(0, 30), sum % 1000000007n);
print("numbers", 0.1 + 0.2, 1 / 3, 1e21 + 1, (123.456).toFixed(2), parseFloat("2.5e-7"), 2 ** 53 + 2);
