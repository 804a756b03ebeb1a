/** `npm run fuzz -- --target x --seconds 60 --seed n`, or `--all`: see docs/how-to/fuzz.md. */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { corpusNames, formOf, foundName, saveInput } from './corpus.ts'
import type { TargetRun } from './run-target.ts'
import { runWatched } from './watch.ts'

const { values } = parseArgs({
  options: {
    target: { type: 'string', multiple: true },
    all: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    list: { type: 'boolean', default: false },
    /** Counts in the form of vitest's JSON report, for `.ci/run`. */
    report: { type: 'string' },
  },
})

/** Of an input that is printed whole. */
const shownInputMaxBytes = 4_096

const say = (line: string) => process.stdout.write(`${line}\n`)

function tell(run: TargetRun): void {
  const { target, inputs, accepted, refused, failing } = run
  say(`${target}: ${inputs} inputs, ${accepted} accepted, ${refused} refused, ${failing} failing`)
  for (const finding of run.findings) {
    const path = saveInput({ name: target, form: formOf(target) }, foundName(finding.input), finding.input)
    say(`  FOUND by input ${finding.number}, ${finding.input.length} bytes, saved to ${path}`)
    // A machine of CI is gone with its files.
    if (finding.input.length <= shownInputMaxBytes) say(`    base64 ${finding.input.toString('base64')}`)
    for (const line of finding.message.split('\n').slice(0, 12)) say(`    ${line}`)
  }
}

async function fuzz(): Promise<void> {
  // Not of targets.ts: that compiles half the system, which the process that fuzzes does anyway.
  const all = corpusNames()
  const names = values.all ? all : (values.target ?? [])
  const strange = names.find((name) => !all.includes(name))
  if (values.list || names.length === 0 || strange !== undefined) {
    if (strange !== undefined) say(`there is no target ${strange}; there are`)
    for (const name of all) say(name)
    say('name one or more by --target, or all by --all')
    process.exitCode = values.list ? 0 : 1
    return
  }
  const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed)
  const seconds = Number(values.seconds)
  if (!Number.isSafeInteger(seed) || !(seconds > 0)) {
    say('--seed is a whole number, --seconds a number above 0')
    process.exitCode = 1
    return
  }
  say(`seed ${seed}, ${seconds} s over ${names.length} targets; repeat with --seed ${seed}`)
  const runs = await runWatched({ targets: names, seconds, seed }, tell)
  const failing = runs.filter((run) => run.failing > 0)
  const failed = failing.length
  say(
    `${runs.reduce((sum, { inputs }) => sum + inputs, 0)} inputs; ${runs.length - failed} targets passed, ${failed} failed`,
  )
  if (values.report !== undefined) {
    const testResults = failing.map(({ target }) => ({ name: `target ${target}`, message: `found with seed ${seed}` }))
    const counts = { numPassedTests: runs.length - failed, numFailedTests: failed, success: failed === 0 }
    writeFileSync(values.report, JSON.stringify({ ...counts, testResults }))
  }
  process.exitCode = failed === 0 ? 0 : 1
}

await fuzz()
