// Measures what a browser loads: all scripts and styles of the page and of each view that is loaded later, gzipped.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const LIMIT = 300_000;
const DIST = new URL('../dist/', import.meta.url);

const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', DIST), 'utf8'));
const chunks = Object.values(manifest);

const gzipped = (file) => gzipSync(readFileSync(new URL(file, DIST)), { level: 9 }).length;
const filesOf = (selected) =>
  [...new Set(selected.flatMap(({ file, css = [] }) => [file, ...css]))].filter((file) => /\.(js|css)$/.test(file));

// What a chunk needs before it can run, itself included.
function withImports(chunk, seen = new Set()) {
  if (!seen.has(chunk)) {
    seen.add(chunk);
    for (const name of chunk.imports ?? []) withImports(manifest[name], seen);
  }
  return [...seen];
}

const total = (files) => files.reduce((sum, file) => sum + gzipped(file), 0);
const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;

const first = filesOf(chunks.filter((chunk) => chunk.isEntry).flatMap((chunk) => withImports(chunk)));
const all = filesOf(chunks);

for (const file of all)
  console.log(`${kilobytes(gzipped(file)).padStart(10)}  ${file}${first.includes(file) ? '' : '  (later)'}`);
console.log(`${kilobytes(total(first)).padStart(10)}  first page`);
console.log(`${kilobytes(total(all)).padStart(10)}  everything; at most ${kilobytes(LIMIT)}`);

if (total(all) > LIMIT) {
  console.error('The bundle is too large.');
  process.exit(1);
}
