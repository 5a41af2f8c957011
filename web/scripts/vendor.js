// Copies uPlot to where it is embedded and served from, as an ES module.
import { mkdir, readFile, writeFile } from 'node:fs/promises';

const from = new URL('../node_modules/uplot/', import.meta.url);
const to = new URL('../vendor/', import.meta.url);
const read = (/** @type {string} */ name) => readFile(new URL(name, from), 'utf8');

const { version, license } = JSON.parse(await read('package.json'));
const script = await read('dist/uPlot.iife.min.js');
await mkdir(to, { recursive: true });
await writeFile(new URL('uplot.js', to), `/* uPlot ${version}, ${license} */\n${script}\nexport default uPlot;\n`);
await writeFile(new URL('uplot.css', to), await read('dist/uPlot.min.css'));
console.log(`uPlot ${version} is in web/vendor`);
