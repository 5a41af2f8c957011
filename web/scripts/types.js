// Writes the API's types (`src/shared/schema.d.ts`) from the description that the program gives of
// itself. `--check` only compares. The description is taken from snapshots/openapi.snap, which
// `cargo test` compares with the program.
import { readFile, writeFile } from 'node:fs/promises';
import openapiTS, { astToString } from 'openapi-typescript';

const snapshot = await readFile(new URL('../../snapshots/openapi.snap', import.meta.url), 'utf8');
const description = JSON.parse(snapshot.slice(snapshot.indexOf('\n---\n') + 5));
// Handlers of several modules share a name; nothing here goes by it.
for (const item of Object.values(description.paths)) {
  for (const operation of Object.values(item)) delete operation.operationId;
}
const types = astToString(await openapiTS(description, { alphabetize: true }));
const text = `// Generated from the API's description by \`npm run types\`. Not to be edited.\n\n${types}`;
const place = new URL('../src/shared/schema.d.ts', import.meta.url);

if (process.argv.includes('--check')) {
  const known = await readFile(place, 'utf8').catch(() => '');
  if (known !== text) {
    console.error('web/src/shared/schema.d.ts is not what the API says of itself: make types');
    process.exit(1);
  }
} else {
  await writeFile(place, text);
}
