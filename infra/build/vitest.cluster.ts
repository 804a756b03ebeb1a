/**
 * The suite over real servers, `*.cluster.test.ts`. The servers are started once for all files (infra/local/cluster),
 * unless the environment names running ones; tests that stop or kill a server start their own.
 * Run as `vitest run --config infra/build/vitest.cluster.ts [filter]`.
 */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  root: new URL('../..', import.meta.url).pathname,
  test: {
    include: ['**/*.cluster.test.ts'],
    exclude: ['**/node_modules/**', 'dist/**'],
    globalSetup: ['infra/local/cluster/global-setup.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    pool: 'forks',
    // Real servers and many processes on few cores: one file after the other.
    fileParallelism: false,
  },
})
