/**
 * `npm run bench`: measures every suite of `./suites.ts`, each in a process of its own, writes a record of each to
 * `bench/results/`, makes docs/reference/performance.md anew, and says of every figure whether it is better, worse or the
 * same as in the last record (`./compare.ts`). docs/how-to/measure.md explains the options:
 *
 *     --list             what there is, how long it takes, what it needs
 *     --only <part>      one suite, or all whose name holds it; may be repeated, and left out before the parts
 *     --quick            fewer pairs, shorter runs; takes no full record's place
 *     --record           takes it all the same
 *     --pairs <n>        of suites of pairs, instead of their own number
 *     --strict           exit code 1 where a figure is worse
 *
 * Exit code 1 also where a suite ended without figures.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Change, compare } from './compare.ts'
import { withGoals } from './goals.ts'
import { remarksAfter, takesPlaceOf } from './keep.ts'
import { circumstances, type Figure, readRecord, writeRecord } from './record.ts'
import { type Report, reportAtEnd } from './report.ts'
import { duration, needs, type Suite, suites, suitesNamed } from './suites.ts'

const { values, positionals } = parseArgs({
  options: {
    list: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    quick: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
    pairs: { type: 'string' },
    strict: { type: 'boolean', default: false },
  },
  allowPositionals: true,
})
const length = values.quick ? 'quick' : 'full'
const parts = [...values.only, ...positionals]
const chosen = suitesNamed(parts).filter(({ onlyNamed }) => parts.length > 0 || values.list || !onlyNamed)

if (chosen.length === 0) {
  console.error(`no suite is named so; there are: ${suites.map(({ name }) => name).join(', ')}`)
  process.exit(1)
}
if (values.list) {
  for (const suite of chosen) {
    const needed = suite.needs === undefined ? '' : `; needs ${needs[suite.needs].words}`
    const times = `${duration(suite.full.seconds)}, quick ${duration(suite.quick.seconds)}`
    const named = suite.onlyNamed ? '; only where it is named' : ''
    console.log(`${suite.name.padEnd(21)} ${suite.title}: ${times}${named}${needed}`)
  }
  const together = chosen.filter(({ onlyNamed }) => !onlyNamed)
  const all = (of: 'full' | 'quick') => duration(together.reduce((sum, suite) => sum + suite[of].seconds, 0))
  console.log(`all of it: ${all('full')}, quick ${all('quick')}`)
  process.exit(0)
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
const changes = new Map<Change, string[]>()
const failed: string[] = []
for (const suite of chosen) {
  const { name, title } = suite
  console.log(`\n${name}: ${title}, about ${duration(suite[length].seconds)}`)
  if (suite.needs !== undefined && !needs[suite.needs].isMet()) {
    console.log(`  LEFT OUT: needs ${needs[suite.needs].words}`)
    continue
  }
  const taken = circumstances()
  const began = performance.now()
  const found = await measure(suite)
  console.log(`  took ${duration(Math.round((performance.now() - began) / 1_000))}`)
  if (found === null) {
    failed.push(name)
    console.log(`  ${name} ended without figures`)
    continue
  }
  const command = `npm run bench -- --only ${name}${values.quick ? ' --quick' : ''}${pairsText(suite)}`
  const figures = withGoals(name, found.figures)
  const last = readRecord(name)
  for (const figure of figures) {
    const change = compare(figure, { ...taken, command }, last)
    changes.set(change, [...(changes.get(change) ?? []), figure.name])
    console.log(
      `  ${change.padEnd(6)} ${figure.name}: ${figure.value} ${figure.unit}${beforeText(figure, last?.figures)}`,
    )
  }
  if (!takesPlaceOf(last, { quick: values.quick, insists: values.record })) {
    console.log('  not recorded: a quick run takes no full record’s place but with --record')
    continue
  }
  const remarks = remarksAfter(found.remarks ?? [], last?.remarks ?? [])
  writeRecord({ suite: name, title, command, figures, remarks, ...(values.quick && { quick: true }) }, taken)
}

const count = (change: Change) => changes.get(change)?.length ?? 0
console.log(
  `\n${count('better')} better, ${count('worse')} worse, ${count('same')} the same, ${count('new')} new, ` +
    `${count('other')} not compared, for settings or machine were others, or it was busier`,
)
for (const name of changes.get('worse') ?? []) console.log(`  worse: ${name}`)
if (failed.length > 0) console.log(`without figures: ${failed.join(', ')}`)
process.exit(failed.length > 0 || (values.strict && count('worse') > 0) ? 1 : 0)

function measure(suite: Suite): Promise<Report | null> {
  const { args, env } = suite[length]
  const script = suite.source
    ? [rooted('infra/test/run-typescript.mjs'), rooted(`bench/${suite.program}.ts`)]
    : [fileURLToPath(new URL(`./${suite.program}.js`, import.meta.url))]
  const child = spawn(process.execPath, [...(suite.nodeOptions ?? []), ...script, ...withPairs(args)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...(suite.needs === 'servers' ? process.env : withoutSettings(process.env)), ...env },
  })
  const stop = () => child.kill('SIGTERM')
  process.once('exit', stop)
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  return new Promise((resolve) => {
    child.on('close', (code) => {
      process.off('exit', stop)
      const found = reportAtEnd(output)
      // Figures are said once, beside what they were before.
      const lines = output.trimEnd().split('\n')
      const told = found === null ? output : lines.slice(0, -1 - found.figures.length).join('\n')
      if (told.trim() !== '') console.log(told.trimEnd().replace(/^(?! )/gm, '  '))
      resolve(code === 0 ? found : null)
    })
  })
}

/** What is measured is a system with its defaults, whatever the shell has set for another. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const isKept = (name: string) => !name.startsWith('HITLAKE_') || name === 'HITLAKE_BENCH_PEERS'
  return Object.fromEntries(Object.entries(env).filter(([name]) => isKept(name)))
}

function withPairs(args: readonly string[]): readonly string[] {
  const at = args.indexOf('--pairs')
  return values.pairs === undefined || at < 0 ? args : args.with(at + 1, values.pairs)
}

function pairsText(suite: Suite): string {
  return values.pairs !== undefined && suite.full.args.includes('--pairs') ? ` --pairs ${values.pairs}` : ''
}

function beforeText({ name, spread }: Figure, last: readonly Figure[] | undefined): string {
  const text = (figure: Pick<Figure, 'spread'>) => (figure.spread ? ` (${figure.spread.join('–')})` : '')
  const before = last?.find((one) => one.name === name)
  return `${text({ ...(spread && { spread }) })}${before === undefined ? '' : `, before ${before.value}${text(before)}`}`
}

function rooted(path: string): string {
  // This file is in `dist/bench`.
  const found = fileURLToPath(new URL(`../../${path}`, import.meta.url))
  if (!existsSync(found)) throw new Error(`${found} is not there; run it as npm run bench`)
  return found
}
