/**
 * `npm run mutants [-- --only <name>… | --missing]`: plants each bug in a copy of the last commit, runs its tests there, and
 * fails where none of them does. Without the bug they must pass. Writes what was found to `results.json` and to
 * docs/reference/planted-bugs.md. `--missing`: only those that no run has caught yet, to go on with a run that was ended.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { setPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Mutant, planted } from './mutant.ts'
import { mutants } from './mutants/all.ts'
import { type Caught, page, type Results } from './page.ts'
import { openTestRuns, type TestRuns, type Verdict } from './run-tests.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const resultsFile = fileURLToPath(new URL('results.json', import.meta.url))
const pageFile = join(root, 'docs/reference/planted-bugs.md')

let results: Results = JSON.parse(readFileSync(resultsFile, 'utf8')) as Results
const { values } = parseArgs({
  options: { only: { type: 'string', multiple: true }, missing: { type: 'boolean', default: false } },
})
const unknown = values.only?.filter((name) => !mutants.some((mutant) => mutant.name === name)) ?? []
if (unknown.length > 0) throw new RangeError(`no such bug: ${unknown.join(', ')}`)
const chosen = mutants.filter(
  ({ name }) => (values.only?.includes(name) ?? true) && !(values.missing && results[name] !== undefined),
)

// Others who work on the machine go first; processes begun from here inherit it.
setPriority(10)
const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
const commit = git('rev-parse', '--short', 'HEAD')
const say = (line: string) => process.stdout.write(`${line}\n`)

const fit = { isFit: true, why: '' }
const caughtNow = await withCopy(async (folder, tests) => {
  const plain = new Map<string, Verdict>()
  let caught = 0
  for (const mutant of chosen) {
    const began = performance.now()
    const verdict = await plant(folder, tests, mutant)
    const { isFit, why } =
      verdict.kind === 'failed' ? await control(tests, { test: verdict.test, named: mutant.named }, plain) : fit
    const seconds = ((performance.now() - began) / 1_000).toFixed(1)
    if (verdict.kind === 'failed' && isFit) {
      const { test, sentence } = verdict
      caught += 1
      record(mutant.name, { test, sentence, date: new Date().toISOString().slice(0, 10), commit })
      say(`caught   ${mutant.name} (${seconds} s): ${test}: ${sentence}`)
      continue
    }
    record(mutant.name, undefined)
    if (!isFit) say(`UNFIT    ${mutant.name}: ${why}`)
    else say(`${verdict.kind === 'passed' ? 'SURVIVES' : 'BROKEN  '} ${mutant.name} (${seconds} s): ${mutant.wrong}`)
    if (verdict.kind === 'broken') say(`  ${verdict.why}`)
  }
  return caught
})
const missed = chosen.length - caughtNow
say(missed === 0 ? `${chosen.length} bugs, all caught` : `${missed} of ${chosen.length} bugs were not caught`)
// Not by itself: a worker may hang in what a bug made of it.
process.exit(missed === 0 ? 0 : 1)

async function withCopy<T>(work: (folder: string, tests: TestRuns) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'hitlake-mutants-'))
  try {
    git('clone', '--quiet', '--shared', root, folder)
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    process.chdir(folder)
    const tests = await openTestRuns(folder)
    try {
      return await work(folder, tests)
    } finally {
      await tests.close()
    }
  } finally {
    process.chdir(root)
    rmSync(folder, { recursive: true, force: true })
  }
}

async function plant(folder: string, tests: TestRuns, mutant: Mutant): Promise<Verdict> {
  const path = join(folder, mutant.file)
  const text = readFileSync(path, 'utf8')
  try {
    writeFileSync(path, planted(text, mutant))
    tests.changed(mutant.file)
    return await tests.run(mutant.tests, mutant.named)
  } finally {
    writeFileSync(path, text)
    tests.changed(mutant.file)
  }
}

/** Whether the test file passes without a bug, asked once: one that does not would seem to catch every bug. */
async function control(
  tests: TestRuns,
  { test, named }: { readonly test: string; readonly named: string | undefined },
  plain: Map<string, Verdict>,
) {
  const key = `${test} ${named ?? ''}`
  const verdict = plain.get(key) ?? (await tests.run([test], named))
  plain.set(key, verdict)
  if (verdict.kind === 'passed') return fit
  const why = verdict.kind === 'failed' ? verdict.sentence : verdict.why
  return { isFit: false, why: `without the bug ${test} does not pass either: ${why}` }
}

/** At once, so that a run that is ended keeps what it found. */
function record(name: string, caught: Caught | undefined): void {
  const kept = mutants.flatMap((mutant) => {
    const found = mutant.name === name ? caught : results[mutant.name]
    return found === undefined ? [] : [[mutant.name, found] as const]
  })
  results = Object.fromEntries(kept)
  writeFileSync(resultsFile, `${JSON.stringify(results, null, 2)}\n`)
  writeFileSync(pageFile, page(mutants, results))
}
