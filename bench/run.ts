/**
 * `npm run bench [-- --pairs 5] [name part …]`: runs the benchmarks of this folder whose names hold one of the parts, and
 * prints a line each, then all results as one JSON line with machine and date (what docs/reference/performance.md quotes).
 */
import { readdirSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { type Bench, type BenchResult, formatResult, runBench } from './runner.ts'

const { values, positionals } = parseArgs({
  options: { pairs: { type: 'string', default: '5' }, warmups: { type: 'string', default: '1' } },
  allowPositionals: true,
})
const rounds = { pairs: Number(values.pairs), warmups: Number(values.warmups) }

const benches: Bench[] = []
for (const file of readdirSync(new URL('.', import.meta.url)).sort()) {
  if (!/\.bench\.[jt]s$/.test(file)) continue
  const module = (await import(new URL(file, import.meta.url).href)) as { benches: Bench[] }
  benches.push(...module.benches)
}

const chosen = benches.filter(
  (bench) => positionals.length === 0 || positionals.some((part) => bench.name.includes(part)),
)
if (chosen.length === 0) {
  console.error(`no benchmark is named so; there are:\n${benches.map((bench) => `  ${bench.name}`).join('\n')}`)
  process.exit(1)
}

const results: BenchResult[] = []
for (const bench of chosen) {
  const result = await runBench(bench, rounds)
  results.push(result)
  console.log(formatResult(result))
}
const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`
console.log(JSON.stringify({ at: new Date().toISOString(), machine, results }))
process.exit(0)
