/**
 * `node dist/bench/run-suite.js <name> [--pairs 5] [--warmups 1]`: runs the pairs of `<name>.bench.ts` in this process, so
 * that no other suite's leftovers are measured, prints a line each and reports all figures at the end.
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { goalOf } from './goals.ts'
import type { Figure } from './record.ts'
import { report } from './report.ts'
import { type Bench, formatResult, runBench } from './runner.ts'

const { values, positionals } = parseArgs({
  options: { pairs: { type: 'string', default: '5' }, warmups: { type: 'string', default: '1' } },
  allowPositionals: true,
})
const [suite = ''] = positionals
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
const file = new URL(`./${suite}.bench.${extension}`, import.meta.url)
if (!existsSync(fileURLToPath(file))) {
  console.error(`there is no bench/${suite}.bench.ts`)
  process.exit(1)
}
const { benches } = (await import(file.href)) as { readonly benches: readonly Bench[] }
const figures: Figure[] = []
for (const bench of benches) {
  const done = await runBench(bench, { pairs: Number(values.pairs), warmups: Number(values.warmups) })
  console.log(formatResult(done.result, goalOf(suite, { name: bench.name })))
  figures.push(...done.figures)
}
report({ figures })
process.exit(0)
