/**
 * The suite over real servers, `*.cluster.test.ts`. The servers are started once for all files (infra/local/cluster),
 * unless the environment names running ones; tests that stop or kill a server start their own.
 * Run as `vitest run --config infra/build/vitest.cluster.ts [filter]`.
 */
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What takes most of a minute and more, the longest first: begun last, one of them would be all that still runs at the end. */
const longest = [
  'a-rerun-of-a-cluster',
  'every-query-equals-a-recount',
  'no-accepted-hit-is-lost',
  'trino/query-engine',
  'trino-killed',
  'a-cluster-equals-embedded',
  'trino-derive',
  'upkeep-of-a-cluster',
  'engines-agree',
  'trino/history',
  'trino/rerun-lake',
  'trino/removal',
  'table-plans-equal-operators',
  'a-restored-control-store',
  'trino-lake',
  'an-emission-of-a-cluster',
  'trino/expiry',
  'an-import-counts-once',
  'an-erased-visitor-is-not-counted',
  'a-changed-time-zone',
  'trino/lake-rewrites',
  'workers',
  'a-month-is-mended',
  'postgres/control-store',
  'forwarding',
].map((name) => `${name}.cluster.test.ts`)

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const found = longest.findIndex((name) => moduleId.endsWith(name))
      return found === -1 ? longest.length : found
    }
    return (await super.sort(files)).sort((a, b) => place(a) - place(b))
  }
}

export default defineConfig({
  root: new URL('../..', import.meta.url).pathname,
  test: {
    include: ['**/*.cluster.test.ts'],
    exclude: ['**/node_modules/**', 'dist/**'],
    globalSetup: ['infra/local/cluster/global-setup.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    pool: 'forks',
    // None may leave anything in a module; loaded once a worker, modules take 15 s of the suite, for each file 35 s.
    isolate: false,
    sequence: { sequencer: LongestFirst },
    // Much of a file's time is waiting: for leases, epochs, servers that start.
    maxWorkers: 3,
  },
})
