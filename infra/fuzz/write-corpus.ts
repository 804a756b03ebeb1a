/**
 * `node infra/test/run-typescript.mjs infra/fuzz/write-corpus.ts [target …]`: writes the examples of new targets into the
 * corpus. Of one that has a folder only what is asked for by name is written: bytes of older versions stay.
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { saveInput } from './corpus.ts'
import { targets } from './targets.ts'

const asked = process.argv.slice(2)
for (const target of targets) {
  const exists = existsSync(fileURLToPath(new URL(`./corpus/${target.name}`, import.meta.url)))
  if (asked.length === 0 ? exists : !asked.includes(target.name)) continue
  for (const [name, input] of Object.entries(await target.examples())) {
    process.stdout.write(`${saveInput(target, name, input)} ${input.length} bytes\n`)
  }
}
process.exit(0)
