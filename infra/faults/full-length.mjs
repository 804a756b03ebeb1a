/**
 * One fault suite at its full length, as docs/how-to/run-faults.md tells to run it by hand: `node infra/faults/full-length.mjs
 * <races|faults|kills> [count]`. Prints what it runs and on what, all that the tests say, and as its last line the outcome,
 * for docs/reference/fault-runs.md. Ends with the tests' exit code.
 */
import { execFileSync, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { cpus, loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'

/** A test that stands still longer than this has failed. The longest known, 500 faults and 1,000 races, take an hour and a half on two cores. */
export const testLimitMs = 8 * 3_600_000

const suites = {
  races: {
    file: 'lakehouse/test/trino-lake.cluster.test.ts',
    only: 'two publishers of one publication',
    variable: 'CLUSTER_TEST_RACES',
    count: 1_000,
    what: 'races of two publishers over Trino',
  },
  faults: {
    file: 'cli/test/no-accepted-hit-is-lost.cluster.test.ts',
    variable: 'CLUSTER_TEST_FAULTS',
    count: 500,
    // It starts servers of its own: the suite's need not run beside them. No test asks this one.
    env: { HITLAKE_KAFKA_BROKERS: '127.0.0.1:1' },
    what: 'random faults in a cluster under traffic',
  },
  kills: {
    file: 'cli/test/a-rerun-of-a-cluster.cluster.test.ts',
    variable: 'CLUSTER_TEST_KILLS',
    count: 20,
    what: 'kills of workers and maintenance during a rerun of a cluster',
  },
}

const [name = '', given] = process.argv.slice(2)
const suite = suites[name]
if (suite === undefined) {
  console.error(`which one? ${Object.keys(suites).join(', ')}`)
  process.exit(2)
}
const { file, only, variable, count: whole, what, env = {} } = suite
const count = Number(given ?? whole)
const root = fileURLToPath(new URL('../..', import.meta.url))
const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
const commit = `${git('rev-parse', 'HEAD')}${git('status', '--porcelain') === '' ? '' : '-dirty'}`
const seed = Number(process.env.CLUSTER_TEST_SEED ?? randomInt(2 ** 31))
const began = Date.now()
const load = loadavg()[0]?.toFixed(1)

console.log(
  `full length: ${count} ${what}; seed ${seed}; commit ${commit}; began ${new Date(began).toISOString()}; ` +
    `${cpus().length} cores, load ${load}`,
)
const tests = spawn(
  process.execPath,
  [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--config',
    'infra/build/vitest.cluster.ts',
    '--reporter=verbose',
    `--testTimeout=${testLimitMs}`,
    `--hookTimeout=${testLimitMs}`,
    file,
    ...(only === undefined ? [] : ['-t', only]),
  ],
  {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env, [variable]: String(count), CLUSTER_TEST_SEED: String(seed) },
  },
)
tests.on('close', (code, signal) => {
  const minutes = ((Date.now() - began) / 60_000).toFixed(1)
  const outcome = code === 0 ? 'PASSED' : `FAILED (${signal ?? `exit code ${code}`})`
  if (code === 0) {
    console.log(
      `to keep it: npm run bench:note -- --suite ${name === 'kills' ? 'rerun-kills' : name} --title "${count} ${what}" ` +
        `--command "node infra/faults/full-length.mjs ${name}" --figure "${name} survived=${count} ${name}" ` +
        `--figure "time=${minutes} min" --date ${new Date(began).toISOString()} --commit ${commit} --load ${load} ` +
        `--remark "Seed ${seed}."`,
    )
  }
  console.log(`END ${outcome}: ${count} ${what}, in ${minutes} minutes; seed ${seed}; commit ${commit}`)
  process.exitCode = code ?? 1
})
